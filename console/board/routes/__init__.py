"""The answers of the board's requests, by what they are about."""
