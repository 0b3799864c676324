"""Where to be next: `forecast.Forecast` remembers and forgets events, `near_repeats` finds series of incidents.

`grid` has the cells and distances in metres.
"""

__all__ = ["forecast", "grid", "near_repeats"]
