"""Teaching a site's models from history, and telling how each model is doing."""
