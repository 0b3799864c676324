"""The simulated neighbourhood: its places, its people and vehicles, and what happens there. No broker, no wall clock.

Modules that others use: `neighbourhood` (places and habits of devices), `rhythm` (local days, curves of the day),
`usual` (a device's day as it is made), `scenarios` (what happens, with its truth, and what can be ordered), `life`
(what every device sees, minute by minute).
"""

__all__ = [
    "ground",
    "life",
    "neighbourhood",
    "ordered_scenario",
    "placing",
    "reports",
    "rhythm",
    "scenarios",
    "usual",
    "vehicles",
]
