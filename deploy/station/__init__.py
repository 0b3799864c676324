"""A station's folder: settings, an example of places, the broker's files and accounts, systemd units.

`station_files` writes them for `patrolgrid init`, `station_accounts` keeps the accounts of devices at the broker, and
`example_places` draws the example. Nothing that is there is ever overwritten.
"""

__all__ = ["example_places", "station_accounts", "station_files"]
