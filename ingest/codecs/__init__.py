"""Codecs: a payload in, observations out (`native`); and CSV files of past counts, row by row (`csv_files`)."""

__all__ = ["csv_files", "native"]
