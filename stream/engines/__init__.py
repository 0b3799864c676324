"""What drives a pipeline: one engine per kind of log."""
