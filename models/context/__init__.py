"""What a beat's people, vehicles and noise say together: an isolation forest over a beat."""
