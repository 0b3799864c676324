"""Trouble from the field, on a real Mosquitto and a real node: `make field`."""
