"""Results by pages: all of them once, newest first, whatever the page's length, and filtered as asked."""

from typing import Any

import msgspec
import pytest

from ingest.vocabulary import WindowStatus
from stream.sinks.store import result_pages as pages
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.result_pages import PageAsked
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make

HOUR_MS = 3_600_000
NO_MARKS = [pages.mark("x", 5), pages.mark(1), pages.mark(10**30, "a")]
READS: dict[str, Any] = {
    "anomalies": pages.anomalies,
    "incidents": pages.incidents,
    "windows": pages.windows,
    "maps": pages.maps,
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    path = tmp_path_factory.mktemp("site") / "store.db"
    sink = StoreSink(path, "s1")
    rows = [
        {"series": series, "start": make.T0 + number * make.WINDOW_MS, "part": part, "n": 1, "sum_a": 2.0}
        | {"status": WindowStatus.LATE if part else WindowStatus.CLOSED}
        for number in range(4)
        for series in range(4)
        if (number + series) % 3
        for part in (0, 7)
    ]
    found = [
        make.anomaly(make.T0 + number // 2, device=f"cam-{number % 2}", beat=f"b{number % 2}", kind=kind)
        for number in range(6)
        for kind in ("surge", "deficit")
    ]
    incidents = [make.incident(f"i{number}", make.T0 + number // 2) for number in range(5)]
    sink.write(
        [
            make.results(
                1,
                windows=[make.windows(*rows)],
                anomalies=found,
                incidents=[msgspec.structs.replace(one, beat="b1") for one in incidents],
                maps=[make.hotspot_map(make.T0 + hour * HOUR_MS, ("r1c1", "b1"), ("r2c2", "b2")) for hour in range(4)],
            )
        ]
    )
    sink.flush()
    sink.close()
    made = StoreReader(path)
    yield made
    made.close()


def all_of(reader, what, limit, **more):
    rows, after = [], ""
    while True:
        page = READS[what](reader, PageAsked(limit=limit, after=after, **more))
        assert len(page.rows) <= limit
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == limit
        after = page.next


@pytest.mark.parametrize("what", READS)
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_all_rows_once_newest_first(reader, what, limit):
    whole = all_of(reader, what, 1000)
    assert len(whole) > 3
    time = "start" if what == "windows" else "ts"
    assert [row[time] for row in whole] == sorted((row[time] for row in whole), reverse=True)
    assert all_of(reader, what, limit) == whole


@pytest.mark.parametrize(
    ("what", "asked", "holds"),
    [
        ("anomalies", {"kinds": ("surge",)}, lambda row: row["kind"] == "surge"),
        ("anomalies", {"beats": ("b0", "b9")}, lambda row: row["beat"] == "b0"),
        ("anomalies", {"devices": ("cam-1",), "kinds": ("deficit",)}, lambda row: row["device"] == "cam-1"),
        ("anomalies", {"since_ms": make.T0 + 1, "until_ms": make.T0 + 2}, lambda row: row["ts"] == make.T0 + 1),
        ("incidents", {"kinds": ("burglary",), "beats": ("b1",)}, lambda row: row["category"] == "burglary"),
        ("windows", {"devices": ("gate-1",)}, lambda row: row["device"] == "gate-1"),
        ("windows", {"kinds": ("count",), "metrics": ("vehicle",)}, lambda row: row["metric"] == "vehicle"),
        ("windows", {"beats": ("b2",)}, lambda row: row["beat"] == "b2"),
        ("maps", {"beats": ("b2",)}, lambda row: [cell["beat"] for cell in row["cells"]] == ["b2"]),
    ],
)
def test_filters_let_through_what_they_name(reader, what, asked, holds):
    found = all_of(reader, what, 2, **asked)
    assert found
    assert all(map(holds, found))


@pytest.mark.parametrize("what", ["anomalies", "incidents", "windows"])
def test_an_unknown_kind_gives_nothing(reader, what):
    assert READS[what](reader, PageAsked(kinds=("nothing",))) == pages.ResultPage([], None)


def test_a_window_is_the_sum_of_its_parts(reader):
    (row, *_) = pages.windows(reader, PageAsked(devices=("cam-1",), metrics=("person",))).rows
    assert (row["n"], row["in"], row["status"]) == (2, 4, "revised")
    unnamed = {name: value for name, value in row.items() if name not in {"beat", "device"}}
    assert unnamed in reader.windows("cam-1", "person")


@pytest.mark.parametrize("after", ["x", "é", "W10", "a" * 1000, *NO_MARKS])
@pytest.mark.parametrize("what", ["anomalies", "incidents", "windows"])
def test_what_is_no_mark_is_refused(reader, what, after):
    with pytest.raises(ValueError, match="after is"):
        READS[what](reader, PageAsked(after=after))
