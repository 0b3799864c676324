"""Rules that need no learning.

`hazards` (thresholds and states, with their defaults), `gates` (vehicles passing), `barriers` (passed while down) and
`fires` (smoke and heat together).
"""

__all__ = ["barriers", "fires", "gates", "hazards"]
