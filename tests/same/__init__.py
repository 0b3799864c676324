"""Proof that a rebuilding of the house changed no result: one recorded day through two trees, compared row by row."""
