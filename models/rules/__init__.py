"""Rules that need no learning: hazards, gates, barriers, combinations."""
