"""What a program needs before it starts.

Sections of settings (`settings`), packages of extras (`extras`), and what the process before had in hand when it died
(`crash_marker`).
"""

__all__ = ["crash_marker", "extras", "settings"]
