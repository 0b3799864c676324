"""What `patrolgrid status --json` says of a store."""

import pytest

from console.cli.commands.status import _print_budget, _print_delivery, _print_dialects, gather
from console.common import FoundSite
from deploy.settings import load_settings, with_values
from ingest.vocabulary import Kind
from stream.results import SeriesKey
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make


def test_a_level_and_a_state_of_one_name_are_two_series_with_their_own_windows(tmp_path):
    catalog = [SeriesKey("b1", "smoke-1", Kind.LEVEL, "smoke"), SeriesKey("b1", "smoke-1", Kind.STATE, "smoke")]
    sink = StoreSink(tmp_path / "store.db", "s1")
    sink.write([make.results(1, catalog=catalog, windows=[make.windows({"n": 60}, {"series": 1, "n": 1})])])
    sink.close()
    reader = StoreReader(tmp_path / "store.db")
    series = gather(FoundSite("s1", tmp_path), reader)["series"]
    reader.close()
    assert [(row["kind"], row["latest"]["n"]) for row in series] == [("level", 60), ("state", 1)]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "FAULT: delivery does not work: [telling] has rules, and there is no channels file at"),
        ("zh-CN", "故障：送达 异常："),
    ],
)
def test_that_nobody_is_told_is_said(tmp_path, capsys, language, said):
    settings = with_values(load_settings(), data={"dir": tmp_path}, telling={"rules": ["critical @ #duty"]})
    _print_delivery(settings, Sentences(language))
    _print_delivery(with_values(settings, telling={"rules": []}), Sentences(language))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(said)


def test_what_the_alert_budget_holds_back_is_said(capsys):
    budget = {"per_day": 20, "day": "2026-11-23", "threshold": 4.9, "raised": 3, "held": 7}
    _print_budget(budget, Sentences("en"))
    _print_budget(budget | {"threshold": 0.0, "held": 0}, Sentences("zh-CN"))
    _print_budget(budget | {"per_day": 0}, Sentences("en"))
    _print_budget(None, Sentences("en"))
    assert capsys.readouterr().out.splitlines() == [
        "Alert budget: 20 a day; threshold about 1 in 80,000; 3 raised, 7 held back today",
        "告警预算：每天 20 条；今日阈值：出厂值；今日已告警 3 条，压下未报 0 条",
    ]


def test_what_dialects_left_out_is_said(capsys):
    _print_dialects({"retained": 3, "no_news": 900, "jump": 1}, Sentences("en"))
    _print_dialects({"no_news": 900}, Sentences("en"))
    _print_dialects(None, Sentences("en"))
    assert capsys.readouterr().out.splitlines() == [
        "Vendors' dialects, since the node started:",
        "  left out 1×: the total rose by more than can pass; it counts on from there",
        "  left out 3×: the broker had kept it, it may have been counted long ago",
    ]
