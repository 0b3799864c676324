"""From findings to alerts: their life cycle, neighbours as one cause, the alert budget, the hotspot map."""
