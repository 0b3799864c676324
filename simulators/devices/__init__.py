"""The simulated devices: what they send, what goes wrong with it, and how it is published."""
