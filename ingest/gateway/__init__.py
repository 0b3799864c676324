"""The gateway: MQTT messages are decoded, checked and numbered, and acknowledged when the log has them on disk."""
