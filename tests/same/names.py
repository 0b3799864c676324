"""What the driver takes from the tree it drives, and under which names that tree has it.

Two trees share a recording, never objects and never bytes of a log. So everything that is taken from a tree is taken
here, and a tree of another time needs no more than one function more. Where a tree stores no texts but makes them when
they are read, its function also gives `said`: table and fields of a row → its texts (see `tests.same.contents.Said`).
"""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

Names = SimpleNamespace


def names_of(tree: Path) -> Names:
    """Return what the driver needs of a tree. Raises AssertionError where any of it would come from another one."""
    only(tree)
    try:
        found = _today()
    except ImportError:
        _forget(tree)
        found = _first()
    check(tree)
    return found


def _today() -> Names:
    """Names of the tree that this file stands in: a rename of modules has to rename here."""
    from ingest.gateway.intake import Intake
    from ingest.gateway.plates import Plates
    from ingest.gateway.routes import Routes
    from ingest.log.history import HistorySeries
    from ingest.log.records import Record, RecordKind
    from ingest.places import parse_places
    from ingest.shards import ShardMap
    from ingest.vocabulary import Kind
    from models.calendar import Calendar
    from models.context.beat_forest import CHANNELS, SUMS
    from models.context.forest_training import BeatHistory, train
    from stream.config import PipelineConfig, PipelineSettings, Site
    from stream.pipeline.pipeline import Pipeline
    from stream.sentences.catalogue import with_texts
    from stream.sinks.store.store_sink import StoreSink

    def said(table: str, fields: dict[str, Any]) -> dict[str, dict[str, str]]:
        made = with_texts(fields, ZoneInfo("Asia/Shanghai"), "drivers" if table == "hotspots" else "text")
        return {name: value for name, value in made.items() if isinstance(value, dict) and "en" in value}

    from tests.stream.build import HistoryBuilder

    def config(*, site: str, timezone: str, country: str, window_s: int) -> PipelineConfig:
        told = Site(id=site, timezone=timezone, country=country)
        return PipelineConfig(site=told, pipeline=PipelineSettings(window_s=window_s))

    return Names(
        said=said,
        Kind=Kind,
        History=HistoryBuilder,
        HistorySeries=HistorySeries,
        Intake=Intake,
        parse_places=parse_places,
        Plates=Plates,
        Record=Record,
        RecordKind=RecordKind,
        Routes=Routes,
        ShardMap=ShardMap,
        Calendar=Calendar,
        CHANNELS=CHANNELS,
        SUMS=SUMS,
        BeatHistory=BeatHistory,
        train=train,
        PipelineConfig=config,
        Pipeline=Pipeline,
        StoreSink=StoreSink,
    )


def _first() -> Names:
    """0.1: names before the house was rebuilt. Room and module stand apart, so that no renaming finds them here."""

    def take(room: str, module: str, *names: str) -> dict[str, Any]:
        found = importlib.import_module(f"{room}.{module}")
        return {name: getattr(found, name) for name in names}

    names = {
        **take("ingest", "batch", "Kind"),
        **take("ingest", "history", "History", "HistorySeries"),
        **take("ingest", "intake", "Intake"),
        **take("ingest", "places", "parse_places"),
        **take("ingest", "plates", "Plates"),
        **take("ingest", "records", "Record", "RecordKind"),
        **take("ingest", "routes", "Routes"),
        **take("ingest", "shards", "ShardMap"),
        **take("models", "calendar", "Calendar"),
        **take("models", "context", "CHANNELS", "SUMS"),
        "BeatHistory": take("models", "context_training", "History")["History"],
        **take("models", "context_training", "train"),
        **take("stream", "config", "PipelineConfig"),
        **take("stream", "pipeline", "Pipeline"),
        **take("stream", "sinks.store", "StoreSink"),
    }
    return Names(**names)


def only(tree: Path) -> None:
    """Let nothing be imported from another tree of the project: the environment has one installed, editable."""
    others = [entry for entry in sys.path if entry and _is_other(Path(entry).resolve(), tree)]
    sys.path[:] = [entry for entry in sys.path if entry not in others]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _module_of(finder).startswith("__editable__")]
    if str(tree) not in sys.path:
        sys.path.insert(0, str(tree))


def check(tree: Path) -> None:
    """Raise AssertionError where a module of the project does not lie in the tree, or none does."""
    rooms = _rooms(tree)
    loaded = [(name, module) for name, module in list(sys.modules.items()) if name.partition(".")[0] in rooms]
    found = 0
    for name, module in loaded:
        file = getattr(module, "__file__", None)
        if file is not None:
            assert Path(file).resolve().is_relative_to(tree), f"{name} is {file}, expected a file in {tree}"
            found += 1
    assert found, f"no module of {tree} was loaded"


def _forget(tree: Path) -> None:
    """Drop what an attempt with other names has loaded."""
    for name in [name for name in sys.modules if name.partition(".")[0] in _rooms(tree)]:
        del sys.modules[name]


def _rooms(tree: Path) -> frozenset[str]:
    """Return the packages at the top of a tree, tests left out: those are always of the tree that compares."""
    return frozenset(path.parent.name for path in tree.glob("*/__init__.py")) - {"tests"}


def _is_other(entry: Path, tree: Path) -> bool:
    return entry != tree and (entry / "pyproject.toml").is_file() and (entry / "tests" / "__init__.py").is_file()


def _module_of(finder: object) -> str:
    return str(getattr(finder, "__module__", "") or type(finder).__module__)
