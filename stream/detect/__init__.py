"""From observations and windows to findings.

`detection.Detection` holds the stages of a shard: `rules_stage` (what is alerted at once), `counts_stage` and
`levels_stage` (windows against their baselines), `context_stage` (a beat as a whole). Each is given new series with
`add_series`, and closed windows with `close`; the rules are also given live observations and ticks. What they find goes
to `findings.Findings`, from which the shard takes it after every record.
"""

__all__ = ["context_stage", "detection", "findings", "learned_windows", "rules_stage"]
