"""People who use the system, and what they may and did do: one database a site, and an audit log in it.

`people_file` opens the database, `audit` keeps the log that shows what was changed in it (docs/security.md).
"""

__all__ = ["audit", "people_file"]
