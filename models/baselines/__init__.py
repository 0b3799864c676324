"""What is usual by time of day and kind of day, with exact tails.

Others use `counts.CountBaseline` and what it says of a window (`count_judge.CountTest`); `negbin` has the distribution
of counts. The rest are parts of the count baseline.
"""

__all__ = ["count_judge", "counts", "negbin"]
