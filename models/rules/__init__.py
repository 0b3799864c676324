"""Rules that need no learning.

`hazards` (thresholds and states), `defaults` (which there are), `word_times` (when something was said), `gates`
(vehicles passing), `barriers` (passed while down) and `fires` (smoke and heat together).
"""

__all__ = ["barriers", "defaults", "fires", "gates", "hazards", "word_times"]
