"""From findings to alerts.

`alert_book` has the life of an alert, `grouping` makes neighbours one cause, `budget` chooses what models may raise,
`hotspot_stage` keeps the map of where to be next.
"""

__all__ = ["alert_book", "budget", "grouping", "hotspot_stage"]
