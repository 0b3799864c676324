"""What the plan page asks for: the running shift, planned against delivered, the staffing sheet."""

import json

import pytest

from console.board.plan_page import plan_document
from stream.sinks.store.reader import StoreReader
from tests.console.stores import Node
from tests.stream import make_results as make

HOUR = 3_600_000
NAMES = {"p1": "Li Wei 李伟"}


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    made.close()


@pytest.fixture
def asked(node, tmp_path):
    reader = StoreReader(node.store_path)
    yield lambda now_ms=make.T0: plan_document(reader, now_ms, NAMES, tmp_path)
    reader.close()


def test_before_any_plan_nothing_is_known(asked):
    assert asked() == {"now_ms": make.T0, "shift": None, "officers": [], "beats": [], "staffing": None, "failed": ""}


def test_minutes_are_by_officer_and_beat_and_where_somebody_is_counts_up_to_now(node, asked):
    done = make.stop("a", arrived_ms=make.T0 - HOUR, done_ms=make.T0, state="done", delivered_min=9.5)
    there = make.stop("b", 1, beat="b2", state="arrived", arrived_ms=make.T0 - 4 * 60_000)
    other = make.stop("c", 2, officer="p2", state="skipped", note="called away")
    gone = make.stop("d", 3, state="replaced")
    node.write(
        patrols=[
            make.officer_plan(done, there, gone),
            make.officer_plan(other, officer="p2", away_ms=make.T0 - 5, made_ms=make.T0 - 5),
        ],
        shares=[make.beat_share("b1"), make.beat_share("b2", patrol=0.25)],
    )
    found = asked()
    assert found["shift"] == {
        "shift": "late-1", "name": "late", "begin_ms": make.T0 - HOUR, "end_ms": make.T0 + 7 * HOUR,
        "made_ms": make.T0 - 5, "solver": "search",
    }  # fmt: skip
    assert [(one["name"], one["away_ms"], one["planned_min"], one["delivered_min"]) for one in found["officers"]] == [
        ("Li Wei 李伟", None, 24.0, 13.5),
        ("p2", make.T0 - 5, 12.0, 0.0),
    ]
    assert [stop["id"] for stop in found["officers"][0]["stops"]] == ["a", "b"]
    rows = [(row["id"], row["planned_min"], row["delivered_min"], row["patrol"]) for row in found["beats"]]
    assert rows == [("b1", 24.0, 9.5, 0.75), ("b2", 12.0, 4.0, 0.25)]


@pytest.mark.parametrize(
    ("planning", "failed"),
    [({"state": "failed", "detail": "OSError: the disk is full"}, "OSError: the disk is full"),
     ({"state": "planned", "detail": "there is no forecast yet"}, ""), (None, "")],
)  # fmt: skip
def test_that_no_new_plan_can_be_made_is_told_beside_the_one_before(node, asked, planning, failed):
    node.write(patrols=[make.officer_plan(make.stop("a"))])
    node.status(planning=planning)
    found = asked()
    assert found["failed"] == failed
    assert found["shift"] is not None


@pytest.mark.parametrize(("content", "sheet"), [("{", None), ("[1]", None), ('{"hours": 168}', {"hours": 168})])
def test_a_staffing_sheet_is_shown_where_it_can_be_read(node, asked, tmp_path, content, sheet):
    node.write()
    (tmp_path / "staffing.json").write_text(content)
    assert asked()["staffing"] == sheet
    json.dumps(asked())
