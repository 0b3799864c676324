"""Preparing InfluxDB: buckets, retention, downsampling, tokens, and filling in what the store already has."""
