"""What a beat's people, vehicles and noise say together: an isolation forest over a beat.

`beat_forest` judges, `forest_training` trains (it needs scikit-learn). `isolation` and `score_tail` are their parts.
"""

__all__ = ["beat_forest", "forest_training"]
