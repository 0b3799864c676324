"""The simulated neighbourhood: its streets, its people and vehicles, and what happens there."""
