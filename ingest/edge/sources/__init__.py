"""Where an edge agent's messages come from, one file a kind; each is imported when the settings name it.

`source` is what they have in common.
"""

from ingest.edge.sources.source import Source, SourceState, Taker, ThreadSource

__all__ = ["Source", "SourceState", "Taker", "ThreadSource"]
