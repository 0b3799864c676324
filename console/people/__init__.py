"""People who use the system, and what they may and did do: one database a site, and an audit log in it.

`people` is what others use: accounts, sign-in, links. `people_file` opens the database, `audit` keeps the log that
shows what was changed in it (docs/security.md).
"""

__all__ = ["audit", "people", "people_file"]
