"""A living neighbourhood: devices that publish over MQTT, scenarios with known truth, record and replay.

`world` says what happens and what each device sees, `devices` what it sends and what goes wrong with it, `replay` plays
back what really happened. `run` is the process that publishes a neighbourhood.
"""

__all__ = ["devices", "replay", "run", "world"]
