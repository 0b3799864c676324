"""The error that commands raise on purpose; apart, so that the command line loads nothing else to catch it."""


class CommandError(Exception):
    """A command cannot do what it was asked; the text is one line for people, `code` the exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code
