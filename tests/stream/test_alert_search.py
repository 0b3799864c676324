"""Alerts are found again: by time, kind, place, people, state, reason and text, and page by page."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from stream.sentences.catalogue import Sentences
from stream.sinks.store import tables
from stream.sinks.store.alert_tables import AlertSearch, choices_of, count_alerts, place_of, search_alerts
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.retention import Retention, prune
from stream.sinks.store.store_sink import StoreSink
from tests.stream.make_results import SURGE, T0, alert, results

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def reader(path):
    reader = StoreReader(path)
    yield reader
    reader.close()


def write(path, *alerts, position=1):
    sink = StoreSink(path, "s1")
    sink.write([results(position, now_ms=T0 + position, alerts=list(alerts))])
    sink.close()


def found(reader, **what):
    return [row["id"] for row in search_alerts(reader.bodies, AlertSearch(**what))]


@pytest.fixture
def week(path, reader):
    write(
        path,
        alert("a", raised_ms=T0),
        alert("b", kind="dead", severity="info", beat="b2", device="noise-1", raised_ms=T0 + HOUR_MS),
        alert("b", 1, kind="dead", severity="info", beat="b2", device="noise-1", raised_ms=T0 + HOUR_MS,
              state="acknowledged", by="Li Wei 李伟", note="Cable CUT by the works; 100% sure"),
        alert("b", 2, kind="dead", severity="info", beat="b2", device="noise-1", raised_ms=T0 + HOUR_MS,
              state="cleared"),
        alert("c", device="cam-1", devices=("cam-1", "cam-7"), raised_ms=T0 + DAY_MS, severity="critical",
              state="cleared", by="zhang", reason="animal", note="一只狗",
              place={"en": "Market, south door", "zh-CN": "市场南门"}),
        alert("d", device="cam-7", raised_ms=T0 + 2 * DAY_MS, state="expired"),
    )  # fmt: skip
    return reader


def test_alerts_are_found_by_each_condition_newest_first(week):
    assert found(week) == ["d", "c", "b", "a"]
    assert found(week, since_ms=T0 + HOUR_MS, until_ms=T0 + 2 * DAY_MS) == ["c", "b"]
    assert found(week, kinds=("dead", "fall")) == ["b"]
    assert found(week, beats=("b1",)) == ["d", "c", "a"]
    assert found(week, severities=("critical", "info")) == ["c", "b"]
    assert found(week, states=("cleared",)) == ["c", "b"]
    assert found(week, devices=("cam-7",)) == ["d", "c"]
    assert found(week, devices=("cam",)) == []
    assert found(week, reasons=("animal",)) == found(week, reasons=("any",)) == ["c"]
    assert found(week, reasons=("none", "animal")) == ["d", "c", "b", "a"]
    assert found(week, reasons=("none",)) == ["d", "b", "a"]
    assert found(week, beats=("b1",), devices=("cam-7",), states=("expired",)) == ["d"]


def test_who_took_an_alert_up_is_found_also_after_it_has_ended_by_itself(week):
    assert found(week, people=("Li Wei 李伟",)) == ["b"]
    assert found(week, people=("Li",)) == []
    assert choices_of(week.query, AlertSearch()) == (["dead", "surge"], ["Li Wei 李伟", "zhang"])
    assert choices_of(week.query, AlertSearch(kinds=("surge",))) == (["surge"], ["zhang"])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("market", ["c"]),
        ("南门", ["c"]),
        ("狗", ["c"]),
        ("ＭＡＲＫＥＴ", ["c"]),
        ("works cable", ["b"]),
        ("works market", []),
        ("100%", ["b"]),
        ("1_0", []),
        ("李伟", ["b"]),
        ("CAM-7", ["d", "c"]),
        ("40", ["d", "c", "b", "a"]),  # observed, in the sentence
        ("\\", []),
        ("  ", ["d", "c", "b", "a"]),
    ],
)
def test_texts_are_found_in_names_notes_people_and_sentences(week, text, ids):
    assert found(week, text=text) == ids


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_texts_are_found_in_the_title_of_a_kind_and_in_sentences_of_every_language(week, language):
    title = Sentences(language)("kind", kind="dead")
    assert found(week, text=title.upper()) == ["b"]
    sentence = Sentences(language).why(SURGE)
    assert found(week, text=sentence[: len(sentence) // 2]) == ["d", "c", "b", "a"]


def test_pages_follow_one_another_without_a_gap_while_new_alerts_come(path, reader):
    write(path, *(alert(f"a{n:02}", raised_ms=T0 + n // 3) for n in range(10)))
    pages, after = [], ""
    while rows := search_alerts(reader.bodies, AlertSearch(), limit=4, after=after):
        pages.append([row["id"] for row in rows])
        after = place_of(rows[-1])
        write(path, alert(f"new{len(pages)}", raised_ms=T0 + DAY_MS), position=1 + len(pages))
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [one for page in pages for one in page] == [f"a{n:02}" for n in reversed(range(10))]


@pytest.mark.parametrize(
    "after", ["x", "1", "1.", ".a", "²5.a", "1.5" * 40, "--1.a", f"{'9' * 20}.a", f"-{'9' * 20}.a"]
)
def test_what_is_no_place_is_refused(week, after):
    with pytest.raises(ValueError, match="expected what an earlier answer gave as next"):
        search_alerts(week.bodies, AlertSearch(), after=after)


def test_what_is_found_is_counted(week):
    found = count_alerts(week.query, AlertSearch())
    assert found.times == [T0, T0 + HOUR_MS, T0 + DAY_MS, T0 + 2 * DAY_MS]
    assert found.severities == {"warning": 2, "info": 1, "critical": 1}
    assert found.states == {"raised": 1, "cleared": 2, "expired": 1}
    assert found.reasons == {"animal": 1}
    assert count_alerts(week.query, AlertSearch(text="nowhere")) == ([], {}, {}, {})


def test_an_alert_is_found_as_it_stands(path, reader):
    write(path, alert("a"), alert("b"))
    write(path, alert("a", 1, state="cleared", raised_ms=T0 + 5, by="zhang", reason="works"), position=2)
    assert found(reader, states=("raised",)) == ["b"]
    assert found(reader, states=("cleared",), reasons=("works",), since_ms=T0 + 5) == ["a"]
    assert found(reader) == ["a", "b"]


def test_what_is_too_old_is_forgotten_whole(path, reader):
    write(path, alert("a", state="cleared"), alert("b"))
    connection = sqlite3.connect(path)
    prune(connection, Retention(alerts_days=1), T0 + 3 * DAY_MS)
    connection.commit()
    connection.close()
    assert found(reader) == ["b"]
    assert reader.alert("a") is None


def test_alerts_of_an_earlier_version_are_found_too(path, reader, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tables, "_STEPS", tables._STEPS[:3])
        patch.setattr(tables, "VERSION", 3)
        old = sqlite3.connect(path, isolation_level=None)
        tables.migrate(old, path)
        revisions = [
            alert("a", note="一只狗", by="zhang", state="acknowledged"),
            alert("a", 1, state="cleared", devices=("cam-1", "cam-7")),
            alert("b", raised_ms=T0 + 1, place={}),
        ]
        for one in revisions:
            body = msgspec.to_builtins(one)
            del body["reason"]
            text = msgspec.json.encode(body).decode()
            old.execute("INSERT INTO alert_history VALUES (?, ?, ?, ?)", (one.id, one.revision, one.changed_ms, text))
            values = (one.id, one.revision, one.state, one.severity, one.raised_ms, one.changed_ms, text)
            old.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        old.close()
    StoreSink(path, "s1").close()
    assert found(reader) == ["b", "a"]
    assert found(reader, people=("zhang",), devices=("cam-7",), states=("cleared",), reasons=("none",)) == ["a"]
    assert found(reader, text="西门") == found(reader, text="狗") == found(reader, text="WEST gate") == ["a"]
    assert found(reader, devices=("cam-1",), kinds=("surge",)) == ["b", "a"]
