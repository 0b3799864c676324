"""Grafana as code: dashboards, alert rules and provisioning files, and bringing them to a running Grafana.

Others use `api` (a running Grafana) and `sync` (what differs in it); both need the extra influx. ``python -m
deploy.grafana.build`` writes the files.
"""

__all__ = ["api", "sync"]
