"""Where to be next: the risk map, its grid, and series of incidents."""
