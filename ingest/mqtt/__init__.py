"""MQTT: every connection is a `session.Session`, and what it publishes waits in an `outbox.Outbox`.

Modules that others use: `session`, `outbox`, `inbox` (received messages on their way to a writer), `publisher` (one
connection that publishes in order, driven by its caller). `client` is the library's client with a fast lane.
"""
