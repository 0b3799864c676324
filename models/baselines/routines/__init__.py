"""`visits` remembers what each day showed, `routine` finds what nearly all visits of a season have in common."""

__all__ = ["routine", "visits"]
