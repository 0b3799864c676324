"""What several commands share: the options that find settings and sites, the language, progress and printing."""

import argparse
import json
import logging
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from console.errors import CommandError
from console.width import cells
from deploy.node.lock import is_locked
from deploy.node.status_file import newest_status
from deploy.settings import Settings, find_file, load_settings, with_values
from ingest.codecs.csv_files import BadRows
from ingest.codecs.csv_values import Instants
from ingest.files import read_json, replace_json
from ingest.setup.extras import load
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import ENGLISH, LANGUAGES, language_of
from stream.sinks.store.tables import StoreError

_BAD_SHOWN: Final = 10
NODE_FILE: Final = "node.toml"
"""In a site's folder: the settings that `patrolgrid up`, `demo` or `replay` gave its node."""
PARTS_FILE: Final = "parts.json"
"""In a site's folder: which parts have ended by themselves and are started again, by whoever holds `SUPERVISED`."""
PROGRESS_OPTION: Final = "--progress"
_PROGRESS_S: Final = 0.25
SUPERVISED: Final = "up"
"""The lock of whoever runs a site's processes."""


def add_settings_arguments(parser: argparse.ArgumentParser, *, site: bool = False) -> None:
    """Add ``--config``, ``--data-dir``, ``--lang``, and ``--site`` where a command reads a site's data."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings file (default: patrolgrid.toml if it is here)"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the sites' data (default: patrolgrid-data)"
    )
    if site:
        parser.add_argument("--site", metavar="ID", help="which site (default: the one written to last)")
    add_language_argument(parser)


def add_language_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--lang``."""
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        help="language of help and messages (default: PATROLGRID_LANG, the site's, or LANG)",
    )


def add_service_arguments(parser: argparse.ArgumentParser, name: str, tells: str) -> None:
    """Add the arguments of a city's process: settings, ``--name`` with its default, and ``--metrics-port``."""
    add_settings_arguments(parser)
    parser.add_argument("--name", default=name, metavar="NAME", help=tells)
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="serve /metrics, /healthz and /readyz")


def settings_of_service(options: argparse.Namespace) -> tuple[Settings, Sentences]:
    """Return the settings and the messages of a city's process, and begin its log on standard error."""
    settings, texts = settings_and_texts(options)
    if options.metrics_port is not None:
        settings = with_values(settings, metrics={"port": options.metrics_port})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Our own lines say what is wrong with Kafka, once, and what to do; the clients repeat themselves every 100 ms.
    for client in ("aiokafka", "faust", "mode"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    return settings, texts


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that the options, the environment and the file give. Raises `SettingsError`."""
    settings = load_settings(find_file(options.config))
    if options.data_dir is not None:
        settings = with_values(settings, data={"dir": options.data_dir})
    return settings


def settings_and_texts(options: argparse.Namespace) -> tuple[Settings, Sentences]:
    """Return the settings, and the messages in the language asked for."""
    settings = settings_of(options)
    return settings, texts_of(options, settings)


def texts_of(options: argparse.Namespace, settings: Settings | None = None) -> Sentences:
    """Return the messages in the language asked for."""
    configured = None
    if settings is not None and find_file(options.config) is not None:
        configured = settings.site.language
    return Sentences(language_of(options.lang, configured))


def zone_of(options: argparse.Namespace, settings: Settings) -> ZoneInfo:
    """Return the zone that ``--timezone`` names, or the site's. Raises `CommandError` for one that is not known."""
    try:
        return ZoneInfo(options.timezone or settings.site.timezone)
    except (KeyError, ValueError, OSError) as error:
        text = f"--timezone {options.timezone!r} is not known, expected one such as Asia/Shanghai"
        raise CommandError(text, 2) from error


def time_zone_here() -> str:
    """Return this machine's time zone, as far as it says one; else UTC."""
    link = Path("/etc/localtime").resolve()
    name = str(link).partition("zoneinfo/")[2] or "UTC"
    return "UTC" if name.startswith("Etc/") else name


def time_of(text: str, name: str, zone: ZoneInfo) -> int:
    """Return the time (epoch ms) that an option names, local where it has no zone. Raises `CommandError`."""
    try:
        return Instants(zone).first(text, name)
    except ValueError as error:
        raise CommandError(str(error), 2) from error


@dataclass(frozen=True, slots=True)
class FoundSite:
    """A site's folder with data in it."""

    id: str
    folder: Path

    @property
    def store(self) -> Path:
        """The store of results."""
        return self.folder / "store.db"

    @property
    def quarantine(self) -> Path:
        """What could not be accepted; there is no such file before the first node."""
        return self.folder / "quarantine.db"

    def node(self) -> dict[str, Any]:
        """Return what ``node.json`` says, with ``running`` added; empty where there was never a node."""
        return {**read_json(self.folder / "node.json"), "running": is_locked(self.folder)}

    def ended_parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts that have ended and are started again: name → ``times``, and ``how`` in words."""
        return read_json(self.folder / PARTS_FILE) if is_locked(self.folder, SUPERVISED) else {}

    def status(self) -> dict[str, Any]:
        """Return the newest status of the node, from the store or the node's own file; empty before the first."""
        store = load("stream.sinks.store.reader")  # an edge device has no numpy
        with closing(store.StoreReader(self.store)) as reader:
            try:
                stored = reader.meta("status")
            except (OSError, StoreError):
                stored = None
        return newest_status(self.folder, stored)

    def zone(self, settings: Settings) -> ZoneInfo:
        """Return the time zone that the site's node runs in, or that of the settings where there was never a node."""
        return ZoneInfo(str(self.node().get("timezone") or settings.site.timezone))


def sites(settings: Settings) -> list[FoundSite]:
    """Return the sites in the data folder, the one written to last first."""
    written: dict[Path, float] = {}
    for name in ("store.db", "store.db-wal", "node.json", "log.db"):
        for path in settings.data.dir.glob(f"*/{name}"):
            written[path.parent] = max(path.stat().st_mtime, written.get(path.parent, 0.0))
    return [FoundSite(folder.name, folder) for folder in sorted(written, key=lambda folder: -written[folder])]


def chosen_site(settings: Settings, wanted: str | None) -> FoundSite:
    """Return the site asked for, the configured one, or the one written to last. Raises `CommandError`."""
    found = {site.id: site for site in sites(settings)}
    if not found:
        raise CommandError(
            f"there is no data in {settings.data.dir} yet; `patrolgrid up` runs a station, `patrolgrid demo` an example"
        )
    if wanted is None:
        configured = settings.site.id if settings.site.id != Site().id else ""
        return found.get(configured) or next(iter(found.values()))
    if wanted not in found:
        known = ", ".join(found)
        raise CommandError(f"there is no data of a site {wanted!r} in {settings.data.dir}; there is: {known}")
    return found[wanted]


def settings_of_site(options: argparse.Namespace, *, new: bool = False) -> tuple[Settings, FoundSite]:
    """Return the settings that the node of the chosen site runs with, and the site.

    Where no settings file is named, those that `patrolgrid up`, `demo` or `replay` left in the site's folder are used.
    With `new`, a configured site that has no data yet is taken, too. Raises `CommandError` where there is no such site,
    `SettingsError` where the settings cannot be read.
    """
    settings = settings_of(options)
    named = find_file(options.config) is not None
    if new and named and options.site in {None, settings.site.id}:
        return settings, FoundSite(settings.site.id, settings.site_dir)
    site = chosen_site(settings, options.site)
    left = site.folder / NODE_FILE
    if not named and left.exists():
        settings = load_settings(left)
    return with_values(settings, data={"dir": site.folder.parent}, site={"id": site.id}), site


class Progress(Protocol):
    """Takes how much is done, and of how much where that is not known before."""

    def __call__(self, done: int, total: int | None = None, /) -> None: ...  # noqa: D102 - the class says it


@contextmanager
def progress_bar(options: argparse.Namespace, **looks: object) -> Iterator[Progress]:
    """Show progress on a terminal, unless ``--quiet`` or ``--json`` is given; `PROGRESS_OPTION` has it in a file.

    `looks` are arguments of tqdm, such as ``unit`` and ``desc``.
    """
    if (file := getattr(options, "progress", None)) is not None:
        yield _written(file)
        return
    if options.quiet or options.json or not sys.stderr.isatty():
        yield lambda _done, _total=None: None
        return
    with load("tqdm").tqdm(file=sys.stderr, **looks) as bar:

        def show(done: int, total: int | None = None) -> None:
            bar.total = bar.total if total is None else total
            bar.update(max(done - bar.n, 0))

        yield show


def add_progress_argument(parser: argparse.ArgumentParser) -> None:
    """Add `PROGRESS_OPTION`, by which the board looks how far a command is (`console.long_work`)."""
    parser.add_argument(PROGRESS_OPTION, type=Path, metavar="FILE", help="write there how much is done, as JSON")


def _written(file: Path) -> Progress:
    written = 0.0

    def write(done: int, total: int | None = None) -> None:
        nonlocal written
        if total and time.monotonic() - written >= _PROGRESS_S:
            written = time.monotonic()
            replace_json(file, {"share": round(min(max(done / total, 0.0), 1.0), 4)})

    return write


def print_json(document: object) -> None:
    """Print JSON for machines: UTF-8, two spaces, NaN as null."""
    json.dump(_finite(document), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    return str(value) if isinstance(value, Path) else value


def tell_bad_rows(texts: Sentences, file: object, bad: BadRows) -> None:
    """Tell which rows of a CSV were not used, and why; only the first of many."""
    if not bad:
        return
    print(texts("csv-bad", count=bad.total, file=str(file)), file=sys.stderr)
    for row in bad[:_BAD_SHOWN]:
        print("  " + texts("csv-bad_line", file=str(file), line=str(row.line), why=safe(row.why)), file=sys.stderr)
    if bad.total > _BAD_SHOWN:
        print("  " + texts("csv-more_bad", count=bad.total - _BAD_SHOWN), file=sys.stderr)


def bad_rows_json(bad: BadRows) -> dict[str, Any]:
    """Return for JSON which rows of a CSV were not used; beyond 100,000 only how many."""
    return {"bad": [{"line": row.line, "why": row.why} for row in bad], "bad_rows": bad.total}


def local_time(ms: float | None, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return epoch ms as local time, or a dash for none."""
    return datetime.fromtimestamp(ms / 1000, zone).strftime(pattern) if ms and ms > 0 else "-"


def failing_parts(status: dict[str, Any]) -> dict[str, str]:
    """Return which parts of a node fail, and why: also its planner, though all that is measured goes on."""
    planning = status.get("planning") or {}
    failed = {"planning": str(planning["detail"])} if planning.get("state") == "failed" else {}
    return {part: str(why) for part, why in (status.get("failing") or {}).items()} | failed


def counted(counts: Mapping[str, int]) -> str:
    """Return counts by name in one line."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def reason_in_words(texts: Sentences, reason: str) -> str:
    """Return why something was refused (`ingest.vocabulary.Reason`) as people say it; a word of its own as it is."""
    return in_words(texts, "board-quarantine", reason)


def in_words(texts: Sentences, prefix: str, name: str) -> str:
    """Return what is called by a code of ours as people say it; a word of its own as it is."""
    code = f"{prefix}-{name}"
    found = texts(code)
    return name if found == code else found


def with_word(texts: Sentences, prefix: str, name: str) -> str:
    """Return a code that people have to type, with its word where their language is another."""
    word = in_words(texts, prefix, name)
    return name if texts.language == ENGLISH or word == name else f"{name} {word}"


def print_table(header: Iterable[str], rows: Iterable[Iterable[object]], indent: str = "  ") -> None:
    """Print columns that line up, also with Chinese text, whose characters are two cells wide."""
    table = [[str(cell) for cell in row] for row in [header, *rows]]
    if len(table) < 2:
        return
    widths = [max(cells(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        padded = (text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True))
        print((indent + "  ".join(padded)).rstrip())


def safe(text: object) -> str:
    """Return text from outside with control characters made visible, so that it cannot steer a terminal."""
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else repr(char)[1:-1] for char in str(text)
    )
