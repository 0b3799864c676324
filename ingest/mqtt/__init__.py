"""MQTT connections: clients, sessions, encryption."""
