"""Processes of a site: supervision, brokers, stopping on request, metrics over HTTP.

`Supervisor` starts children, starts again what has ended, and never leaves one behind; `StopRequest` turns signals into
a question. `broker` starts MQTT brokers, and is itself run as the embedded one; `metrics` needs the extra kafka.
"""

from deploy.processes.stopping import StopRequest, tell_started
from deploy.processes.supervisor import LOOP, UNUSABLE, ChildError, Ended, Supervisor, free_port, listening

__all__ = [
    "LOOP",
    "UNUSABLE",
    "ChildError",
    "Ended",
    "StopRequest",
    "Supervisor",
    "free_port",
    "listening",
    "tell_started",
]
