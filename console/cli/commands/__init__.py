"""One module a command: `add_arguments` fills its parser, `run` does its work and returns the exit code.

A command's module is imported when the command is used, and what it needs when it runs, so that an edge device
without numpy has its commands too.
"""
