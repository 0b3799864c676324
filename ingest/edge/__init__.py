"""The edge agent: a queue on disk beside a device, until the broker has everything."""
