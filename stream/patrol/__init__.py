"""Patrols: the running plans and what was done of them, and the sheet of staff (`staffing_sheet`)."""

__all__ = ["staffing_sheet"]
