"""The people's side: command line, live board, HTTP API."""
