"""A site's calendar: what it says, where it is read from, and how it gets into the log."""
