"""Preparing InfluxDB (`setup`: buckets, retention, downsampling, tokens), and sending what the store has (`backfill`).

Both need the extra influx.
"""

__all__ = ["backfill", "setup"]
