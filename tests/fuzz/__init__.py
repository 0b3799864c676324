"""Hostile input at every entry point, with bounds on processor time and memory; and the patterns that read it."""
