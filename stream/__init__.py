"""From the log to results: windows, watermarks, the pipeline, its engines and its sinks."""
