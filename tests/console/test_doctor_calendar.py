"""The doctor on the site's calendar: until when it is known, what of it cannot be used, and what it names in vain."""

from __future__ import annotations

import shutil
from datetime import date, datetime

import pytest

from console.doctor import own_files
from deploy.settings import Settings, with_values
from models.calendar import Calendar
from simulators.world.neighbourhood import QUARTER

KNOWN = Calendar("Asia/Shanghai", "CN").ends(date(2026, 11, 26)) or date.min


def found(monkeypatch, tmp_path, days_before: int, **calendar):
    """What the doctor says so many days before the library's calendar of China ends."""

    class Then(datetime):
        @classmethod
        def now(cls, tz=None):
            day = date.fromordinal(KNOWN.toordinal() - days_before)
            return cls(day.year, day.month, day.day, 12, tzinfo=tz)

    monkeypatch.setattr(own_files, "datetime", Then)
    settings = with_values(Settings(), data={"dir": tmp_path / "data"}, calendar=calendar)
    return own_files.calendar(settings)


@pytest.mark.parametrize(("days", "state"), [(61, "ok"), (60, "warn"), (-30, "warn")])
def test_it_warns_sixty_days_before_the_worked_weekends_are_unknown(monkeypatch, tmp_path, days, state):
    assert found(monkeypatch, tmp_path, days).state == state
    more = found(monkeypatch, tmp_path, days, worked_days=[f"{KNOWN.year + 1}-02-20"])
    assert (more.state, more.values["day"]) == ("ok", f"{KNOWN.year + 1}-12-31")


def test_a_calendar_file_that_cannot_be_used_fails_by_name(monkeypatch, tmp_path):
    path = tmp_path / "days.ics"
    gone = found(monkeypatch, tmp_path, 100, file=path)
    path.write_text("BEGIN:VCALENDAR\n")
    broken = found(monkeypatch, tmp_path, 100, file=path)
    assert (gone.state, broken.state) == ("fail", "fail")
    assert all(str(path) in one.values["error"] for one in (gone, broken))
    assert not (tmp_path / "data").exists()


def test_an_id_that_the_places_do_not_have_is_named(monkeypatch, tmp_path):
    folder = tmp_path / "data" / "station-1"
    folder.mkdir(parents=True)
    shutil.copyfile(QUARTER, folder / "places.geojson")
    wrong = found(monkeypatch, tmp_path, 100, events=["Sat 09:00-13:00 @ nowhere: market"])
    assert (wrong.state, wrong.values["names"]) == ("warn", "nowhere")
