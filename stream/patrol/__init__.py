"""Patrols: the running plans and what was done of them (`patrol_stage`), who was where for how long (`dose`).

`staffing_sheet` is the sheet of staff.
"""

__all__ = ["dose", "patrol_stage", "staffing_sheet"]
