"""Readings against what is usual for them: noise, smoke density, water, temperature.

`level_baseline` judges and learns, `level_tails` knows how rare it is to be so far out, and `level_faults` tells a
sensor that is stuck, has stepped or drifts from what it measures.
"""
