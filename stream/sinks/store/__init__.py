"""The store: results in one SQLite file, read by the board and the command line."""
