"""The chief's week: figures, pictures, page and message (docs/report.md tells how each figure is reckoned)."""
