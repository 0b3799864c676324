"""Processes of a site: supervision, brokers, stopping on request, metrics over HTTP.

`Supervisor` starts children and never leaves one behind; `StopRequest` turns signals into a question. `broker` starts
MQTT brokers, and is itself run as the embedded one; `metrics` needs the extra kafka.
"""

from deploy.processes.stopping import StopRequest
from deploy.processes.supervisor import ChildError, Supervisor, free_port, listening

__all__ = ["ChildError", "StopRequest", "Supervisor", "free_port", "listening"]
