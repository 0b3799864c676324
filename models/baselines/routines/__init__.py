"""What comes again: `visits` remembers each day, `routine` finds what a season's have in common, `strays` bursts."""

__all__ = ["routine", "strays", "visits"]
