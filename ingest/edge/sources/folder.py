"""Files that appear in a folder: each is taken once, whole, and then moved or deleted.

Where the agent is killed while it takes one, the next goes on behind the lines that the spool has already.
"""

import logging
import time
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from ingest.clock import wall_ms
from ingest.codecs.codec import MOST_BYTES, VendorMessage
from ingest.edge.edge_file import DirPart
from ingest.edge.plain_lines import NATIVE, bounded_lines, understood
from ingest.edge.sources.source import Taker, ThreadSource
from ingest.observations import Observation

logger = logging.getLogger(__name__)
_BATCH: Final = 200
"""Lines whose observations go into the spool together."""
_HALF_DONE: Final = (".tmp", ".part", ".partial", ".swp", "~")
"""Endings of files that are still written."""


class FolderSource(ThreadSource):
    """Looks into a folder once a second. Raises ValueError where that is none, or cannot be written in."""

    def __init__(self, settings: DirPart, name: str, taker: Taker) -> None:
        super().__init__(name, taker)
        self.look_s = 1.0
        self._settings, self._folder = settings, settings.path
        if not self._folder.is_dir():
            raise ValueError(f"{name}: {self._folder} is no folder; expected one that exists")
        self._done = self._folder / "done"
        if settings.done == "move":
            self._done.mkdir(exist_ok=True)
        self._passed: set[tuple[str, int, int]] = set()
        """Files that cannot be taken away, which are not taken twice: name, time and size."""

    def run(self) -> None:
        """Look, again and again; a file that is being read at the end is taken up again by the next start."""
        while True:
            try:
                self._look()
                self.trouble = self.trouble if self._passed else ""
            except OSError as error:
                self._tell(f"{error.filename or self._folder}: {error.strerror or error}")
            except Exception:  # the thread is all there is; the file stays where it is
                logger.exception("%s: a look into %s failed", self.name, self._folder)
            if self.closing.wait(self.look_s):
                return

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            logger.warning("%s: %s", self.name, trouble)
        self.trouble = trouble

    def _look(self) -> None:
        quiet_before = time.time() - self._settings.quiet_s
        there = sorted(self._folder.iterdir())
        self._passed = {key for key in self._passed if self._folder / key[0] in there}
        for path in there:
            name = path.name
            if self.closing.is_set():
                return
            if name.startswith(".") or name.endswith(_HALF_DONE) or not fnmatchcase(name, self._settings.pattern):
                continue
            if path.is_symlink() or not path.is_file():  # a link would let whoever may write here have any file read
                continue
            stat = path.stat()
            key = name, stat.st_mtime_ns, stat.st_size
            if stat.st_mtime > quiet_before or key in self._passed:
                continue
            if self._take(path, stat.st_size):
                self._passed.add(key)
                self._put_away(path)
                self._passed.discard(key)
                if self._settings.codec == NATIVE:  # the same may come again, and is then meant to
                    self.taker.observe(self._settings.device, [], {self._key(path): None})

    def _put_away(self, path: Path) -> None:
        if self._settings.done == "delete":
            path.unlink()
            return
        target = self._done / path.name
        path.rename(target if not target.exists() else self._done / f"{path.stem}-{wall_ms()}{path.suffix}")

    def _take(self, path: Path, size: int) -> bool:
        """Hand a file over; False where it is to be taken up again."""
        if self._settings.codec == NATIVE:
            return self._take_lines(path)
        if size > MOST_BYTES:
            self.refused += 1
            logger.warning("%s: %s has %d bytes, at most %d are taken", self.name, path.name, size, MOST_BYTES)
            return True
        meaning = self.taker.take(self._settings.codec, VendorMessage(path.name, path.read_bytes(), wall_ms()))
        self.taken += 1
        for refusal in meaning.refusals:
            self.refused += 1
            logger.warning("%s: %s: refused: %s", self.name, path.name, refusal.detail)
        return True

    def _take_lines(self, path: Path) -> bool:
        key = self._key(path)
        mark, before = _mark(path), self.taker.recall(key).get(key)
        done = _Done(mark, 0)
        if before is not None:
            found = msgspec.json.decode(before, type=_Done)
            done = found if found.mark == mark else done
        number, good = 0, list[Observation]()
        with path.open("rb") as file:
            for line in bounded_lines(file):
                number += 1
                if number <= done.lines:
                    continue
                found_here, wrong = understood(line, lambda observation: observation)
                good += found_here
                for why in wrong:
                    self.refused += 1
                    logger.warning("%s: %s, line %d refused: %s", self.name, path.name, number, why)
                if number % _BATCH == 0:
                    self._put(good, key, _Done(mark, number))
                    good = []
                    if self.closing.is_set():
                        return False
        self._put(good, key, _Done(mark, number))
        self.taken += 1
        return True

    def _key(self, path: Path) -> str:
        return f"{self.name}/{path.name[:100]}"

    def _put(self, good: list[Observation], key: str, done: "_Done") -> None:
        for why in self.taker.observe(self._settings.device, good, {key: msgspec.json.encode(done)}):
            self.refused += 1
            logger.warning("%s: refused: %s", self.name, why)


class _Done(msgspec.Struct, frozen=True, array_like=True):
    """How far a file has been taken."""

    mark: str
    """Of its content: another file may come under the same name."""
    lines: int


def _mark(path: Path) -> str:
    found = blake2b(digest_size=8)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()
