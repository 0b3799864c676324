"""Detection: rules at once, counts in open and closed windows, levels, a beat's context."""
