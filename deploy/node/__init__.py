"""One site in one process: the wiring of a node, its status, its lock, its sinks."""
