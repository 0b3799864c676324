"""Who stands where, and when: plans of patrols.

`ground` has the places where one may stop and what a stop there covers, `travel` the minutes between them, `plan` makes
the stops of a shift.
"""

__all__ = ["ground", "plan", "travel"]
