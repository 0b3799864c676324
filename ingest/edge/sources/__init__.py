"""Where an edge agent's messages come from, one file a kind; each is imported when the settings name it.

`source` is what they have in common.
"""

from ingest.edge.sources.source import EdgeSource, SourceState, Taker, ThreadSource

__all__ = ["EdgeSource", "SourceState", "Taker", "ThreadSource"]
