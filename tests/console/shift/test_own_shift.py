"""Whose shift it is, so that a page reminds who forgets to hand over."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from console.people.people import Person
from console.shift.own_shift import own_shift
from console.shift.shift_times import ShiftTimes
from deploy.settings import Settings, with_values
from ingest.days.patrol_settings import PatrolSettings
from ingest.days.telling_settings import TellingSettings
from tests.people.test_doors import WORDS, open_board, quick_hashes

__all__ = ["quick_hashes"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
PLAN = PatrolSettings(
    officers=("p1: Li Wei", "p2: Zhao"),
    shifts=("daily 06:00-14:00 @ p1: early", "daily 14:00-22:00 @ p2: late"),
)
TELLING = TellingSettings(rota=("daily 07:00-15:00 @ wang: desk", "daily 15:00-23:00 @ li: desk"))


@pytest.mark.parametrize(
    ("person", "at", "expected"),
    [
        (Person("wang", "", "duty"), "07:30", ("desk", 15)),
        (Person("wang", "", "duty"), "06:20", ("desk", 15)),
        (Person("wang", "", "duty"), "05:20", ("early", 14)),
        (Person("p", "", "patrol", officer="p1"), "05:30", ("early", 14)),
        (Person("p", "", "patrol", officer="p1"), "13:30", ("early", 14)),
        (Person("p", "", "patrol", officer="p1"), "16:00", None),
        (Person("zhou", "", "duty"), "13:30", ("late", 22)),
        (Person("chen", "", "chief"), "13:30", None),
    ],
)
def test_the_rota_goes_before_the_plan_and_who_comes_early_comes_for_the_next(person, at, expected):
    since_ms = round(datetime.fromisoformat(f"2026-11-26T{at}").replace(tzinfo=SHANGHAI).timestamp() * 1000)
    found = own_shift(ShiftTimes(PLAN, SHANGHAI), TELLING, person, since_ms)
    told = found and (found.name, datetime.fromtimestamp(found.end_ms / 1000, SHANGHAI).hour)
    assert told == expected


def test_a_rota_that_cannot_be_read_ends_nothing(tmp_path):
    (tmp_path / "rota.toml").write_text("rota = [", encoding="utf-8")
    telling = TellingSettings(file=tmp_path / "rota.toml")
    found = own_shift(ShiftTimes(PLAN, SHANGHAI), telling, Person("zhou", "", "duty"), 1_795_420_800_000)
    assert found is not None


def test_a_page_is_told_whose_shift_it_is_and_partners_have_none(tmp_path):
    with open_board(tmp_path) as (browser, people, _, app):
        people.add(Person("wang", "王磊", "duty"), "cli:root", WORDS)
        people.add(Person("hu", "Hu", "partner"), "cli:root", WORDS)
        settings = with_values(Settings(), site={"id": "s1"}, telling={"rota": ("daily 00:00-23:59 @ wang: desk",)})
        assert browser("wang").get("/api/me").json()["shift"] is None, "a board that knows no settings"
        app.state.board.settings = settings
        found = browser("wang").get("/api/me").json()["shift"]
        assert found["name"] == "desk"
        assert found["end_ms"] > found["begin_ms"]
        assert browser("hu").get("/api/me").json()["shift"] is None
