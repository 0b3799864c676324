"""A living neighbourhood: devices that publish over MQTT, scenarios with known truth, record and replay."""
