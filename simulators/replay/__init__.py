"""Replaying what really happened: recordings, files of counts, the street sensors of Auckland."""
