"""Results into InfluxDB, in the order in which data walks through the modules.

`schema` says what there is; `points` makes lines of results, with `lines`; `backlog` keeps them on disk until `sender`
has brought them through `http` to the server. `sink` puts it together.
"""
