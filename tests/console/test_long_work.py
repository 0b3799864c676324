"""Long work of the board: in a process of its own, one at a time, with progress; its end is kept whatever it was."""

import contextlib
import shutil
import sys
import threading

import pytest

from console.long_work import FOLDER, KEPT, BusyError, LongWork
from tests.support import wait_for

SCRIPT = """
import json, pathlib, sys, time
what, folder, _, progress = sys.argv[1:5]
pathlib.Path(progress).write_text(json.dumps({"share": 0.25}))
if what == "fail":
    sys.exit("no such setting")
while what == "wait" and pathlib.Path(folder).exists() and not pathlib.Path(folder, "go").exists():
    time.sleep(0.01)
print(json.dumps({"read": pathlib.Path(folder, "places.geojson").read_text(), "what": what}))
"""


@pytest.fixture
def work(tmp_path):
    made = LongWork(tmp_path, (sys.executable, "-c", SCRIPT))
    yield made
    made.close()


def begin(work, what):
    return work.begin("whatif", {"what": what}, lambda folder: (what, str(folder)), files={"places.geojson": b"{}"})


def ended(work, identifier):
    wait_for(lambda: work.one(identifier).state != "running", "it has ended")
    return work.one(identifier)


def test_it_is_under_way_tells_how_far_it_is_and_its_result_is_kept_over_a_restart(work, tmp_path):
    begun = begin(work, "wait")
    wait_for(lambda: work.one(begun.id).done == 0.25, "it says how far it is")
    assert work.result(begun.id) is None
    with pytest.raises(BusyError) as busy:
        begin(work, "end")
    assert busy.value.running.id == begun.id
    (tmp_path / FOLDER / begun.id / "go").touch()
    done = ended(work, begun.id)
    assert (done.state, done.done, done.about, done.why) == ("done", None, {"what": "wait"}, "")
    again = LongWork(tmp_path)
    assert again.one(begun.id) == done
    assert again.result(begun.id) == work.result(begun.id) == b'{"read": "{}", "what": "wait"}\n'
    assert again.result("nothing") is None


def test_what_fails_says_why_and_another_can_begin(work):
    failed = ended(work, begin(work, "fail").id)
    assert (failed.state, failed.why) == ("failed", "no such setting")
    assert work.result(failed.id) is None
    assert ended(work, begin(work, "end").id).state == "done"


@pytest.mark.parametrize("argument", ["alerts.per_day=\0", "\ud800"])
def test_what_cannot_be_begun_is_no_work(work, argument):
    with pytest.raises(OSError, match=r"null|surrogates"):
        work.begin("whatif", {}, lambda _folder: (argument,))
    assert work.all() == []
    assert ended(work, begin(work, "end").id).state == "done"


def test_a_folder_that_is_thrown_away_meanwhile_leaves_nothing_under_way(work, tmp_path):
    begin(work, "wait")
    wait_for(lambda: work.all()[0].done, "it runs")
    shutil.rmtree(tmp_path / FOLDER)

    def begins():
        with contextlib.suppress(BusyError):
            return begin(work, "end")

    assert ended(work, wait_for(begins, "another can begin").id).state == "done"


def test_what_is_cancelled_or_left_behind_is_neither_done_nor_under_way(work, tmp_path):
    first = begin(work, "wait")
    assert not work.cancel("another")
    assert work.cancel(first.id)
    assert ended(work, first.id).state == "cancelled"
    second = begin(work, "wait")
    assert [one.state for one in LongWork(tmp_path).all() if one.id == second.id] == ["interrupted"], (
        "of a board that has ended without a word"
    )
    work.close()
    assert [one.state for one in work.all()] == ["interrupted", "cancelled"]
    assert not [thread for thread in threading.enumerate() if thread.name == "long-work"]


def test_only_the_newest_are_kept(work, tmp_path):
    for number in range(KEPT + 2):
        folder = tmp_path / FOLDER / f"old{number:02d}"
        folder.mkdir(parents=True)
        (folder / "work.json").write_text(f'{{"id":"old{number:02d}","kind":"whatif","about":{{}},"state":"done"}}')
    newest = ended(work, begin(work, "end").id)
    kept = [one.id for one in work.all()]
    assert (len(kept), kept[0]) == (KEPT, newest.id)
    assert "old00" not in kept
