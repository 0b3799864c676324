"""What several commands share: the options that find settings and sites, the language, and printing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import CommandError
from deploy.node.lock import is_locked
from deploy.settings.load import find_file, load_settings, with_values
from deploy.settings.sections import Settings, Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES, choose_language


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
    parser.add_argument("--lang", choices=LANGUAGES, help="language of messages (default: the site's, or LANG)")


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that the options, the environment and the file give. Raises `SettingsError`."""
    settings = load_settings(find_file(options.config))
    if options.data_dir is not None:
        settings = with_values(settings, data={"dir": options.data_dir})
    return settings


def texts_of(options: argparse.Namespace, settings: Settings | None = None) -> Sentences:
    """Return the messages in the language asked for."""
    configured = None
    if settings is not None and find_file(options.config) is not None:
        configured = settings.site.language
    return Sentences(language_of(options.lang, configured))


def language_of(option: str | None, configured: str | None = None) -> str:
    """Return the language to speak: the option's, the environment's, the settings file's, the locale's, or English."""
    named = os.environ.get("PATROLGRID_SITE__LANGUAGE")
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    return choose_language(filter(None, (option, named, configured, locale)))


@dataclass(frozen=True, slots=True)
class FoundSite:
    """A site's folder with data in it."""

    id: str
    folder: Path

    @property
    def store(self) -> Path:
        """The store of results."""
        return self.folder / "store.db"

    def node(self) -> dict[str, Any]:
        """Return what ``node.json`` says, with ``running`` added; empty where there was never a node."""
        try:
            document = json.loads((self.folder / "node.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            document = None
        node = document if isinstance(document, dict) else {}
        return {**node, "running": is_locked(self.folder)}


def sites(settings: Settings) -> list[FoundSite]:
    """Return the sites in the data folder, the one written to last first."""
    found: list[tuple[float, FoundSite]] = []
    try:
        folders = [entry for entry in settings.data.dir.iterdir() if entry.is_dir()]
    except OSError:
        folders = []
    for folder in folders:
        written = [
            path.stat().st_mtime
            for name in ("store.db", "store.db-wal", "node.json", "log.db")
            if (path := folder / name).exists()
        ]
        if written:
            found.append((max(written), FoundSite(folder.name, folder)))
    return [site for _, site in sorted(found, key=lambda pair: -pair[0])]


def chosen_site(settings: Settings, wanted: str | None) -> FoundSite:
    """Return the site asked for, the configured one, or the one written to last. Raises `CommandError`."""
    found = sites(settings)
    if wanted is None and found:
        return (
            next((site for site in found if site.id == settings.site.id), found[0])
            if _configured(settings)
            else found[0]
        )
    for site in found:
        if site.id == wanted:
            return site
    known = ", ".join(site.id for site in found)
    if known:
        raise CommandError(f"there is no data of a site {wanted!r} in {settings.data.dir}; there is: {known}")
    raise CommandError(
        f"there is no data in {settings.data.dir} yet; `patrolgrid demo` or `patrolgrid replay FILE` makes some"
    )


def _configured(settings: Settings) -> bool:
    return settings.site.id != Site().id


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


def print_table(header: Iterable[str], rows: Iterable[Iterable[object]], indent: str = "  ") -> None:
    """Print columns that line up, also with Chinese text, whose characters are two cells wide."""
    table = [[str(cell) for cell in row] for row in [header, *rows]]
    if len(table) < 2:
        return
    widths = [max(cells(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print(
            (
                indent + "  ".join(text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True))
            ).rstrip()
        )


def cells(text: str) -> int:
    """Return how many terminal cells a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def safe(text: object) -> str:
    """Return text from outside with control characters made visible, so that it cannot steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in str(text))
