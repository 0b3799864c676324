"""Pure models over arrays: count baselines, levels, hazards, gates, hotspots. No I/O, no clock, no broker."""
