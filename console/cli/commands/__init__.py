"""One module a command: `add_arguments` fills its parser, `run` does its work and returns the exit code.

A command's module is imported only when that command is asked for (`console.cli.main`), so it imports at its top what
it needs, extras included. ``edge``, ``settings``, ``doctor`` and ``quarantine`` need none: an edge device has them too.
"""
