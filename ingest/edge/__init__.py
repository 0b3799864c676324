"""The edge agent: a queue on disk beside a device, until the broker has everything. Needs no numpy.

`EdgeAgent` takes observations from local code, `feed` from lines of JSON; `spool` is the queue.
"""

from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.edge.plain_lines import bounded_lines, feed

__all__ = ["EdgeAgent", "EdgeSettings", "bounded_lines", "feed"]
