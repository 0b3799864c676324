"""Training a site's models from history (`teaching`, `history_csv`), and how each model is doing (`model_health`).

`saved_state` reads what the node last saved, beside the node.
"""

__all__ = ["history_csv", "model_health", "saved_state", "teaching"]
