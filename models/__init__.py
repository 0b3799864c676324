"""Pure models over arrays: no I/O, no clock, no broker.

`calendar` says which kind of day an instant is, `state` declares what a model saves, `frames` reads arrays from bytes.
The packages hold the models: `baselines` (counts, levels), `rules` (hazards, gates), `context` (a beat's mix),
`hotspots` (where risk is), `patrols` (who stands where, and when), `backtests` (the shipped models over files).
"""

__all__ = ["calendar", "frames", "state"]
