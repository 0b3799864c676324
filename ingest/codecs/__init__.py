"""Codecs: a device's payload in, observations out, one file a dialect; and CSV files of past counts, row by row."""
