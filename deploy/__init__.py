"""What runs where: settings, the wiring of a site's parts, its processes, and the services around them.

`settings` says what can be set, `wiring` makes the parts of a site. `node` is one site in one process, `kafka` has a
city's processes, `processes` what supervises them; `influx` and `grafana` prepare those services.
"""

__all__ = ["grafana", "influx", "kafka", "node", "processes", "settings", "wiring"]
