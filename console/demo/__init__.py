"""What `patrolgrid demo` and `replay` do beside starting a site: running it, scoring it, telling what came of it."""
