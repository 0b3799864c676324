"""Settings from the station: which version is in force, which was tried, and why one was taken back.

A version is tried once. It is noted on the disk before, so that one that ends the process is not tried again.
"""

import logging
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.edge.signed_settings import SettingsRefusedError, SignedSettings, read_settings
from ingest.files import replace_file

logger = logging.getLogger(__name__)
_PRIVATE: Final = 0o600


class _Kept(msgspec.Struct, kw_only=True):
    """What the file holds."""

    version: int = 0
    """In force; 0: the agent's own file."""
    settings: dict[str, Any] = {}
    tried: int = 0
    """Highest that was ever tried."""
    refused: int = 0
    """The one that was not taken, or was taken back; 0: none since one was taken."""
    problem: str = ""


class SettingsFromAfar:
    """What the station has said. For one thread.

    Parameters
    ----------
    path
        Where it is kept.
    key
        The agent's key; None: nothing from afar is taken.
    topic
        Where it comes.
    """

    def __init__(self, path: Path, key: bytes | None, topic: str) -> None:
        self._path, self._key, self._topic = path, key, topic
        self._kept = self._read()
        if self._kept.tried > max(self._kept.version, self._kept.refused):
            self.take_back(self._kept.tried, "the agent ended while it tried them")

    @property
    def version(self) -> int:
        """The version in force, 0 for the agent's own file."""
        return self._kept.version

    @property
    def settings(self) -> dict[str, Any]:
        """What stands over the agent's own file."""
        return self._kept.settings

    @property
    def refused(self) -> int:
        """The version that was not taken, 0 for none."""
        return self._kept.refused

    @property
    def problem(self) -> str:
        """Why it was not taken."""
        return self._kept.problem

    def read(self, payload: bytes) -> SignedSettings | None:
        """Return settings that are to be tried, None for those that are known or that are none of the station's."""
        if not payload:  # it is not signed: whoever may publish here could take settings away
            return None
        if self._key is None:
            self._refuse("there is no key to check them with (agent.settings_key_file)")
            return None
        try:
            found = read_settings(payload, self._topic, self._key)
        except SettingsRefusedError as error:
            self._refuse(str(error))
            return None
        if found.version < self._kept.tried:
            self._refuse(f"version {found.version}, and version {self._kept.tried} was here already: sent again")
        return found if found.version > self._kept.tried else None

    def begin(self, version: int) -> None:
        """Note that a version is tried from now on."""
        self._kept.tried = version
        self._write()

    def take(self, found: SignedSettings) -> None:
        """Go by settings that have proved themselves."""
        self._kept = _Kept(version=found.version, settings=found.settings, tried=found.version)
        self._write()
        logger.info("settings %d from the station are in force", found.version)

    def postpone(self) -> None:
        """Let the version that is being tried be tried again by the next start: the agent is asked to end."""
        self._kept.tried = max(self._kept.version, self._kept.refused)
        self._write()

    def take_back(self, version: int, why: str) -> None:
        """Note that a version cannot be gone by."""
        if version == self._kept.version:  # it was in force, and the agent's own file has changed since
            self._kept.version, self._kept.settings = 0, {}
        self._kept.refused, self._kept.problem = version, why[:400]
        self._write()
        logger.error("settings %d from the station are not taken: %s", version, why)

    def _refuse(self, why: str) -> None:
        """Note what has no version of its own, until the next settings that are taken, or the next start."""
        if why != self._kept.problem:
            logger.warning("settings from the station are refused: %s", why)
        self._kept.problem = why[:400]

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, msgspec.MsgspecError) as error:
            logger.warning(
                "%s: settings from the station cannot be read (%s); the agent's own file holds", self._path, error
            )
            return _Kept()

    def _write(self) -> None:
        try:
            replace_file(self._path, msgspec.json.encode(self._kept), mode=_PRIVATE)
        except OSError as error:
            logger.warning("%s: cannot be written: %s", self._path, error.strerror)
