"""The shipped models over files of the past, without looking ahead, and their scores.

`series_backtest` (counts and levels), `file_backtest` (whole files), `hotspot_backtest`, `calibration`
(whether probabilities keep their word).
"""

__all__ = ["calibration", "file_backtest", "hotspot_backtest", "series_backtest"]
