"""From the device to the log: observation types, topics, codecs, edge agent, gateway, quarantine, durable log."""
