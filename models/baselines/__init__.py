"""What is usual by time of day and kind of day, with exact tails.

Others use `counts.CountBaseline`, `levels.LevelBaseline` and what they say of a window (`count_judge.CountTest`,
`levels.LevelTest`); `negbin` has the distribution of counts. The rest are parts of the count baseline.
"""

__all__ = ["count_judge", "counts", "levels", "negbin"]
