"""One site in one process: ``python -m deploy.node`` runs `node`.

Others use `lock` (one process a site's folder) and `status` (what a process tells of a site). `trainer` trains the
site's forest beside the node, in `forest_process`.
"""

__all__ = ["lock", "status"]
