"""Replaying what really happened. A `track.Track` has places and timed messages; `track.publish` sends it.

Tracks are `csv_counts.CountsTrack` (from a CSV, or from `auckland`) and `recording.RecordingTrack`, which plays back
what `recording.Recorder` wrote.
"""

__all__ = ["auckland", "csv_counts", "recording", "track"]
