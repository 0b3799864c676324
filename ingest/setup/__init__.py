"""What a program needs before it starts: sections of settings (`settings`), and packages of extras (`extras`)."""

__all__ = ["extras", "settings"]
