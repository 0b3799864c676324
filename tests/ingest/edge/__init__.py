"""The edge agent as a service: its settings, its sources, its health, settings from afar."""
