"""What a device has said just now, out of the log and the quarantine."""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from console.devices.just_heard import lately_heard
from ingest.events import DeviceStatus
from ingest.gateway.quarantine import Quarantine
from ingest.log import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.refusal import Refusal
from ingest.vocabulary import Reason
from tests.stream.build import MINUTE, NOON, Writer

TOPIC = "patrolgrid/v1/s1/b1/{}/obs"


class Site:
    """Log and quarantine of a site."""

    def __init__(self, folder):
        self.folder, self.writer = folder, Writer()
        self.log, self.quarantine = SqliteLog(folder / "log.db"), Quarantine(folder / "quarantine.db")

    def says(self, device, people, at=NOON):
        self.writer.count(device, at, people)
        record = self.writer.record()
        self.log.append([Record(record.kind, at, record.payload)])

    def refuses(self, device, at, reason=Reason.TYPE):
        self.quarantine.add_many([Refusal(str(reason), "no number", b"?", TOPIC.format(device), at)])

    def heard(self, device, after=""):
        return lately_heard(self.folder, device, after)


@pytest.fixture
def site(tmp_path):
    found = Site(tmp_path)
    with closing(found.log), closing(found.quarantine):
        yield found


def told(found):
    return [(one.what, [row.a for row in one.rows] or one.word) for one in found.heard]


def test_what_a_device_says_is_shown_once_and_others_are_not(site):
    site.says("cam-1", 12)
    site.says("cam-2", 99)
    site.refuses("cam-1", NOON + 1)
    first = site.heard("cam-1")
    assert told(first) == [("observations", [12.0]), ("refused", "type")]
    assert first.heard[0].at_ms == NOON
    assert first.heard[1].detail == "no number"
    assert told(site.heard("cam-1", first.after)) == []
    site.says("cam-1", 13, NOON + MINUTE)
    site.says("cam-10", 14, NOON + MINUTE)
    site.refuses("cam-10", NOON + 2 * MINUTE)
    second = site.heard("cam-1", first.after)
    assert told(second) == [("observations", [13.0])], "nor who is called nearly so"
    site.refuses("cam-1", NOON + 3 * MINUTE)
    again = site.heard("cam-1", second.after)
    assert [(one.what, one.times) for one in again.heard] == [("refused", 2)], "one more of the same kind"


def test_a_status_is_told(site):
    status = DeviceStatus(beat="b1", device="cam-1", state="offline", ts=NOON)
    site.log.append([Record(RecordKind.STATUS, NOON, msgspec.json.encode(status))])
    assert told(site.heard("cam-1")) == [("status", "offline")]


def test_who_asks_late_is_shown_the_newest(site):
    for number in range(130):
        site.says("cam-1", number, NOON + number * 1000)
    first = site.heard("cam-1")
    assert len(first.heard) == 40
    assert first.heard[-1].rows[0].a == 129.0
    assert told(site.heard("cam-1", first.after)) == []


def test_a_site_without_a_log_says_so(tmp_path):
    found = lately_heard(tmp_path, "cam-1", "")
    assert (found.known, found.heard, found.after) == (False, [], "")
