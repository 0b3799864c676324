"""From cells of a risk map to places people know: `place_names` says where that is, `spot_places` when and how much."""

__all__ = ["place_names", "spot_places"]
