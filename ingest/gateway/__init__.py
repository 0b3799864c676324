"""The gateway: MQTT messages are decoded, checked and numbered, and acknowledged when the log has them on disk.

The way of a message: `gateway` takes it from the session and hands it to `intake`, which asks `routes` for its beat,
`ingest.codecs` for its observations, `plates` for tokens, `numbering` for numbers and repeats, and puts the rows into a
batch (`collector`). What is refused goes to `quarantine`.

Its modules are imported each by its name: an edge agent needs some of them, and has little memory.
"""
