"""The people's side: command line, live board, HTTP API.

`common` has what commands share (settings, sites, printing), `running` the processes of a site, `doctor` the doctor's
checks, `errors` the error that a command raises on purpose.
"""

__all__ = ["board", "cli", "common", "demo", "doctor", "errors", "running", "training"]
