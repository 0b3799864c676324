"""What is usual: baselines of counts and levels by time of day and kind of day, with exact tails."""
