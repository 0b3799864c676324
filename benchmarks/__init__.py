"""Measurements of what this machine reaches, against the project's targets: ``python -m benchmarks``."""
