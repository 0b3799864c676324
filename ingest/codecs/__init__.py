"""Codecs: a payload in, observations out (`native`); and CSV files of past counts and readings.

`csv_series` reads the rows of devices, on top of `csv_files` (encodings, delimiters, columns) and `csv_values` (times,
numbers).
"""

__all__ = ["csv_files", "csv_series", "csv_values", "native"]
