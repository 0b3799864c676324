"""``patrolgrid export``: a site's results as one file for a notebook, a spreadsheet or another program."""

import argparse
import getpass
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from console.common import (
    FoundSite,
    Progress,
    add_settings_arguments,
    print_json,
    progress_bar,
    settings_of_site,
    texts_of,
    time_of,
)
from console.errors import CommandError
from console.export_files import ExportWriter, csv_writer, parquet_writer
from console.people.audit import Audit
from console.people.people_file import PeopleFile, has_file
from deploy.processes import StopRequest
from ingest.files import replacing
from ingest.setup.extras import version
from stream.sentences.catalogue import Sentences
from stream.sinks.store.export_tables import (
    PORTION,
    TABLES,
    Coded,
    ExportColumn,
    ExportRequest,
    ExportTable,
    Portion,
    Values,
)
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid export windows --from 2026-11-01 --to 2026-12-01 --parquet november.parquet
  patrolgrid export windows --metric person --csv people.csv
  patrolgrid export alerts --from 2026-11-23 --csv alerts.csv --excel
  patrolgrid export incidents --csv - | wc -l
  patrolgrid export patrols --personal --csv stops.csv

Works while the node runs. A file is there when it is whole, and not before. docs/export.md tells what the columns are.
"""
_FILTERS: Final = ("beat", "device", "kind", "metric")
_STDOUT: Final = Path("-")
_ALL_MS: Final = 2**62
_HOUR_MS: Final = 3_600_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    add = parser.add_argument
    add("table", choices=list(TABLES), metavar="TABLE", help=f"what: {', '.join(TABLES)}")
    add("--from", dest="since", metavar="TIME", help="from when on (default: all that is there)")
    add("--to", dest="until", metavar="TIME", help="until when, without that time itself (default: all that is there)")
    file = parser.add_mutually_exclusive_group(required=True)
    file.add_argument("--csv", type=Path, metavar="FILE", help="file to write or replace; - is standard output")
    file.add_argument("--parquet", type=Path, metavar="FILE", help="file to write or replace; needs the extra parquet")
    for name in _FILTERS:
        add(f"--{name}", action="append", metavar="ID", help=f"only rows with this {name}; may be given several times")
    add("--personal", action="store_true", help="also who did what, and what people wrote")
    add("--excel", action="store_true", help="mark the CSV as UTF-8, so that Excel shows Chinese")
    add("--json", action="store_true", help="print JSON")
    add("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Write the file. Raises `CommandError` for what cannot be exported or written."""
    settings, site = settings_of_site(options)
    zone = site.zone(settings)
    texts = texts_of(options, settings)
    target = _target(options)
    table = TABLES[options.table]
    since, until = (
        default if text is None else time_of(text, name, zone)
        for text, name, default in ((options.since, "--from", 0), (options.until, "--to", _ALL_MS))
    )
    if since >= until:
        raise CommandError(f"--from {options.since} is not before --to {options.until}", 2)
    asked = ExportRequest(since, until, Sentences(texts.language, zone), personal=options.personal)
    columns = [column for column in table.columns if options.personal or not column.personal]
    wanted = _wanted(options, columns)
    _note(site, options)
    try:
        with (
            closing(StoreReader(site.store, zone)) as reader,
            StopRequest() as stop,
            _opened(options, columns, site.id, zone) as writer,
            progress_bar(options, desc=options.table, unit=texts("export-unit"), leave=False) as show,
        ):
            rows = 0
            for portion in _portions(table, reader, asked, stop, show):
                some = _chosen(portion, wanted)
                rows += len(some["timestamp"])
                writer.write(some)
    except KeyboardInterrupt:
        if target != _STDOUT:
            print(texts("export-stopped", file=str(target)), file=sys.stderr)
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{target}: cannot be written: {error.strerror or error}") from error
    if target == _STDOUT:
        print(texts("export-done", rows=rows, size=0), file=sys.stderr)
        return 0
    size = target.stat().st_size
    if options.json:
        print_json({"table": options.table, "site": site.id, "file": target, "rows": rows, "bytes": size})
    else:
        print(texts("export-done", rows=rows, file=str(target), size=size))
    return 0


def _target(options: argparse.Namespace) -> Path:
    """Return where the rows go. Raises `CommandError` where options do not go together, or there is no such place."""
    target: Path = options.csv or options.parquet
    if target == _STDOUT and (options.parquet or options.json):
        raise CommandError("standard output takes CSV alone, without --json and --parquet; name a file", 2)
    if options.excel and options.parquet:
        raise CommandError("--excel is for --csv: Excel reads no Parquet", 2)
    if target.is_dir():
        raise CommandError(f"{target}: is a folder, expected a file to write")
    if not target.parent.is_dir():  # it is a slip of the pen, more often than a folder to be made
        raise CommandError(f"{target}: there is no folder {target.parent}")
    return target


def _wanted(options: argparse.Namespace, columns: Sequence[ExportColumn]) -> dict[str, list[str]]:
    """Return the values that rows must have, by column. Raises `CommandError` for a column that the table has not."""
    wanted = {name: getattr(options, name) for name in _FILTERS if getattr(options, name)}
    names = [column.name for column in columns]
    for name in wanted:
        if name not in names:
            raise CommandError(f"--{name}: {options.table} have no column {name}; there are {', '.join(names)}", 2)
    return wanted


def _chosen(portion: Portion, wanted: Mapping[str, Sequence[str]]) -> Portion:
    """Return the rows that have one of the wanted values in each of these columns."""
    for name, some in wanted.items():
        values = portion[name]
        if isinstance(values, Coded):
            codes = [code for code, text in enumerate(values.names) if text in some]
            rows = np.flatnonzero(np.isin(values.codes, codes))
        else:
            rows = np.flatnonzero([value in some for value in values])
        portion = {column: _taken(values, rows) for column, values in portion.items()}
    return portion


def _taken(values: Values, rows: NDArray[np.intp]) -> Values:
    if isinstance(values, Coded):
        return values._replace(codes=values.codes[rows])
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]


def _portions(
    table: ExportTable, reader: StoreReader, asked: ExportRequest, stop: StopRequest, show: Progress
) -> Iterator[Portion]:
    """Yield what the table has, and show how many hours of it are done. Raises KeyboardInterrupt when told to stop."""
    end_ms = min(asked.until_ms, reader.progress()["now_ms"])
    begin_ms: float = asked.since_ms
    for portion, reached_ms in table.read(reader, asked, PORTION):
        begin_ms = begin_ms or float(portion["timestamp"][0])
        show(*(round((one - begin_ms) / _HOUR_MS) for one in (reached_ms, max(end_ms, reached_ms))))
        yield portion
        if stop.asked:
            raise KeyboardInterrupt


@contextmanager
def _opened(
    options: argparse.Namespace, columns: Sequence[ExportColumn], site: str, zone: ZoneInfo
) -> Iterator[ExportWriter]:
    """Give a writer of the file; it takes its place when all is written."""
    if options.csv == _STDOUT:
        with csv_writer(sys.stdout, columns, zone, mark=options.excel) as writer:
            yield writer
    elif options.parquet:
        told = {"patrolgrid": version(), "site": site, "timezone": zone.key, "table": options.table}
        with replacing(options.parquet) as file, parquet_writer(file, columns, told) as writer:
            yield writer
    else:
        with replacing(options.csv) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            with csv_writer(text, columns, zone, mark=options.excel) as writer:
                yield writer
            text.detach()


def _note(site: FoundSite, options: argparse.Namespace) -> None:
    """Write into the audit log who takes what, where the site has one."""
    if has_file(site.folder):
        span = f"{options.since or ''}..{options.until or ''}"
        with closing(PeopleFile(site.folder)) as file:
            who = f"cli:{getpass.getuser()}"
            Audit(file).note(who, "export", options.table, span=span, personal=options.personal)
