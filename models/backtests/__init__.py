"""Backtests: the shipped models over files of the past, causally, and their scores."""
