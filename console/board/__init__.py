"""The live board: one page for the duty officer, and the HTTP API behind it (docs/api.md)."""
