"""The live board: one page for the duty officer, and the HTTP API behind it (docs/api.md).

``python -m console.board`` runs it as a process of its own; `board_config` is what it is started with, `app` puts the
page, `routes` and the watcher of the store (`hub`) together.
"""

__all__ = ["board_config"]
