"""The places file of a site while it is edited: what is whole is taken, of what is broken the last good one stays.

The last good places are kept in a file of their own in the site's folder. They are what the log ends with: the process
that appends edited places to it writes that file afterwards. A start with a broken file goes on with them, loudly.
"""

import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from ingest.files import replace_file
from ingest.places import Places, PlacesError, PlacesRecord, encode_places, load_places, read_places
from ingest.places.places_journal import changed_by

_LOG: Final = logging.getLogger(__name__)
LAST_GOOD: Final = "places.good.geojson"
"""Name of the file with the last good places, in the site's folder."""
_READ_ANYWAY: Final = 10
"""Every tenth look reads the file though neither its time nor its size has changed."""


class TakesPlaces(Protocol):
    """A gateway, as far as its places go."""

    places: Places | None
    """Those it goes by, which are in the log."""

    def change_places(self, places: Places, by: str = "", at_ms: int = 0) -> None:
        """Bring edited places into the log, soon, with who changed them and when; and go by them from there on."""


class PlacesFile:
    """Watches a places file. `load` first, then `look` every second or so; not for use by several threads.

    Parameters
    ----------
    path
        The file that people edit.
    last_good
        The file with the places that were good before.
    check
        Raises `PlacesError` for what can be read and still cannot be worked with.
    """

    def __init__(self, path: Path, last_good: Path, check: Callable[[Places], None] = lambda _: None) -> None:
        self.path, self.last_good, self._check = path, last_good, check
        self.problem = ""
        """Why the file is not what is gone by; empty while it is."""
        self._content = b""
        """What the file held when it was good."""
        self._seen = b""
        """What it held when it was last looked at."""
        self.places = Places({}, {})
        """Those of the file, or the last good ones."""
        self.kept: Places | None = None
        """The last good places: what the log ends with. None where there are none that can be used."""
        self._stamp: tuple[int, int, int] | None = None
        self._looks = 0
        self._suspected = False
        """Whether the file was found to be broken just now: an editor may still be writing it."""

    def load(self) -> Places:
        """Return what the file holds, or else the last good places.

        Raises `PlacesError` or OSError for the file where there are none of these, either.
        """
        self._stamp, self.kept = self._stamped(), self._last_good()
        try:
            self.places = self._read()
        except (PlacesError, OSError) as error:
            if self.kept is None:
                raise
            self.places, self.problem = self.kept, str(error)
            _LOG.error("%s; the last good places are used, those in %s", error, self.last_good)
        return self.places

    @property
    def version(self) -> str:
        """What tells these places from others."""
        return f"{zlib.crc32(encode_places(PlacesRecord(1, self.places))):08x}"

    def look(self) -> Places | None:
        """Return the places where the file has been edited and they have changed, None where there is nothing to do."""
        stamp, self._looks = self._stamped(), self._looks + 1
        settled, self._stamp = stamp == self._stamp, stamp
        if settled and not self._suspected and self._looks % _READ_ANYWAY:
            return None
        before = self._seen
        try:
            places = self._read()
        except (PlacesError, OSError) as error:
            settled = settled and self._seen == before
            self._suspected = not settled
            if settled and str(error) != self.problem:
                self.problem = str(error)
                _LOG.error("%s; the places stay as they were", error)
            return None
        self._suspected = False
        if self.problem:
            _LOG.warning("%s can be used again", self.path)
            self.problem = ""
        if places == self.places:
            return None
        _LOG.info("%s was edited: %s", self.path, differences(self.places, places))
        self.places = places
        return places

    def changed_by(self) -> tuple[str, int]:
        """Return who has made the file what it is, and when; ("", 0) where that was done by hand."""
        return changed_by(self.path, self._content)

    def follow(self, gateway: TakesPlaces) -> None:
        """Let a gateway take what was edited, and keep what has got into the log; for every second.

        A disk that is full keeps the file of the last good ones as it was: the edit is then logged once more later.
        """
        edited = self.look()
        if edited is not None:
            gateway.change_places(edited, *self.changed_by())
        logged = gateway.places
        if logged is not self.places or self.problem or logged == self.kept:
            return
        try:
            replace_file(self.last_good, self._content, mode=0o640)
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self.last_good, error)
        else:
            self.kept = logged

    def _read(self) -> Places:
        self._seen = b""
        content = self._seen = self.path.read_bytes()
        if content == self._content and content:
            return self.places
        places = read_places(content, str(self.path))
        self._check(places)
        self._content = content
        return places

    def _last_good(self) -> Places | None:
        try:
            good = load_places(self.last_good)
            self._check(good)
        except FileNotFoundError:
            return None
        except (PlacesError, OSError) as error:
            _LOG.warning("the last good places cannot be used: %s", error)
            return None
        return good

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def differences(before: Places, after: Places) -> str:
    """Say in a few words what an edit has changed, for the log file."""
    devices, others = before.devices, after.devices
    both = devices.keys() & others.keys()
    counts = {
        "devices new": len(others.keys() - devices.keys()),
        "gone": len(devices.keys() - others.keys()),
        "in another beat": sum(devices[name].beat != others[name].beat for name in both),
        "changed otherwise": sum(
            devices[name] != others[name] and devices[name].beat == others[name].beat for name in both
        ),
        "beats new": len(after.beats.keys() - before.beats.keys()),
        "beats gone": len(before.beats.keys() - after.beats.keys()),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "names and lines only"
