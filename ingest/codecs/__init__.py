"""Codecs: a device's payload in, observations out. One file a dialect."""
