"""The simulated devices: what they send, what goes wrong with it, and how it is published.

Modules that others use: `messages` (numbering, batches, order), `warm_start` (the days before), `faults` (what goes
wrong on the way), `officers` (who go by the site's plans), `ordered` (what it is told to let happen), `fleet` (one MQTT
connection a device), `ledger` (what a run really did).
"""

__all__ = ["faults", "fleet", "ledger", "messages", "officers", "ordered", "warm_start"]
