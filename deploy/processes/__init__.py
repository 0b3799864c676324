"""Processes of a site: supervision, brokers, stopping on request, metrics over HTTP."""
