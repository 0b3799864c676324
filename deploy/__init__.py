"""What runs where: settings, the wiring of a node, its broker, and the configuration of the services around it."""
