"""Where to be next: `risk_map.HotspotGrid` remembers and forgets events, `near_repeats` finds series of incidents.

`grid` has the cells and distances in metres.
"""

__all__ = ["grid", "near_repeats", "risk_map"]
