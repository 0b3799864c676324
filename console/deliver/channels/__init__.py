"""The channels, one kind a file: chat bots, mail, a webhook, MQTT, CAP, and whatever apprise knows."""
