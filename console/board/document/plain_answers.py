"""What many answers have in common."""

import msgspec

Names = dict[str, str]
"""Language → text."""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Why a request was not answered as asked."""

    error: str
    """A word for programs."""
    message: str
    """A sentence for people, in the language of ?lang=, else of Accept-Language, else of the site."""


class Done(msgspec.Struct, frozen=True):
    """Nothing but that it was done."""
