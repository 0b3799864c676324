"""Grafana as code: dashboards, alert rules and provisioning files, and bringing them to a running Grafana."""
