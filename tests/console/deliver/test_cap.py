"""CAP 1.2: every message is valid by the standard's own schema, and follows the life of its alert."""

from datetime import UTC
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
import xmlschema

from console.deliver.channel import Surroundings
from console.deliver.channels.cap import ATOM, CAP, FEED, CapSettings
from console.deliver.message_box import MessageBox
from console.deliver.orders import Message, Order
from console.deliver.outbox_file import FILE
from console.deliver.wording import Writer
from ingest.login import BrokerAddress
from ingest.vocabulary import ALERT_KINDS
from tests.stream.make_results import T0
from tests.stream.make_results import alert as make_alert

SCHEMA = Path(__file__).parents[2] / "data" / "cap" / "CAP-v1.2.xsd"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@cache
def schema():
    return xmlschema.XMLSchema(SCHEMA)


class Station:
    """An outbox and a CAP channel that takes all of it."""

    def __init__(self, tmp_path, *, exercise=False, zone=SHANGHAI, **more):
        settings = CapSettings(where="outside", folder="cap", **more)
        around = Surroundings("s1", zone, "zh-CN", BrokerAddress(), exercise, tmp_path)
        writer = Writer("zh-CN", zone, outside=True, exercise=exercise)
        self.cap, self.outbox = settings.open(writer, "cap", around), MessageBox(tmp_path / FILE)
        self.folder = tmp_path / "cap"

    def tell(self, revision, **more):
        alert = make_alert("a1", revision, **{"heard_ms": T0 + revision * 1000, **more})
        self.outbox.take(alert, [Order("cap", follows=True)], revision)
        while (message := self.outbox.next("cap", 10**6)) is not None:
            self.cap.send(message)
            self.outbox.accepted(message, revision)

    def read(self, revision):
        path = self.folder / f"s1-a1-{revision}.xml"
        schema().validate(path)
        return ET.XML(path.read_bytes())


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path)
    yield made
    made.outbox.close()


def text(root, name):
    return root.findtext(f"{{{CAP}}}{name}")


def test_the_life_of_an_alert_is_alert_update_ack_update_cancel(station):
    station.tell(1)
    station.tell(2, heard_ms=T0 + 1000)  # numbers only
    station.tell(3, state="acknowledged", by="Wang Lei", note="on my way")
    station.tell(4)
    station.tell(5, state="cleared")
    messages = [station.read(revision) for revision in range(1, 6)]
    assert [text(root, "msgType") for root in messages] == ["Alert", "Update", "Ack", "Update", "Cancel"]
    assert {text(root, "status") for root in messages} == {"Actual"}
    references = [text(root, "references") for root in messages]
    assert references[0] is None
    assert references[4] == " ".join(
        f"patrolgrid.s1,s1-a1-{revision},2026-11-23T16:00:0{revision}+08:00" for revision in range(1, 5)
    )
    assert text(messages[3], "identifier") == "s1-a1-4"
    assert text(messages[0], "sent") == "2026-11-23T16:00:01+08:00"
    info = messages[4].find(f"{{{CAP}}}info")
    assert info is not None
    assert (text(info, "urgency"), text(info, "responseType")) == ("Past", "AllClear")


def test_both_languages_the_place_and_how_sure_it_is(station):
    station.tell(1, kind="fire", severity="critical")
    root = station.read(1)
    infos = root.findall(f"{{{CAP}}}info")
    assert [text(info, "language") for info in infos] == ["zh-CN", "en"]
    first = infos[0]
    assert (text(first, "category"), text(first, "certainty"), text(first, "severity")) == (
        "Fire",
        "Observed",
        "Severe",
    )
    area = first.find(f"{{{CAP}}}area")
    assert area is not None
    assert (text(area, "areaDesc"), text(area, "circle")) == ("西门", "39.900000,116.400000 0.1")


def test_every_kind_and_every_text_is_valid(station):
    hostile = {"en": "a <&> \x00\x1b place\n" + "长" * 500}
    for kind, about in ALERT_KINDS.items():
        alert = make_alert("a1", 1, kind=kind, severity=about.severity, place=hostile)
        document = station.cap.document(Message(1, "cap", "", 0, 0, alert))
        schema().validate(ET.tostring(document, encoding="unicode"))


@pytest.mark.parametrize(
    "more", [{"scope": "Public"}, {"scope": "Restricted"}, {"scope": "Private", "addresses": "police@city"}]
)
def test_a_replay_is_an_exercise_and_every_scope_is_valid(tmp_path, more):
    station = Station(tmp_path, exercise=True, zone=UTC, **more)
    station.tell(1, lon=0.0, lat=0.0, place={}, changed_ms=-(10**17))
    root = station.read(1)
    station.outbox.close()
    assert (text(root, "status"), text(root, "scope")) == ("Exercise", more["scope"])
    assert root.find(f"{{{CAP}}}info/{{{CAP}}}area/{{{CAP}}}circle") is None


def test_the_feed_has_the_newest_and_old_files_go(tmp_path):
    station = Station(tmp_path, keep=10)
    for revision in range(1, 15):
        station.tell(revision)
    station.outbox.close()
    assert len(list(station.folder.glob("s1-*.xml"))) == 10
    feed = ET.XML((station.folder / FEED).read_bytes())
    # What RFC 4287 wants of a feed and of its entries.
    for name in ("id", "title", "updated"):
        assert len(feed.findall(f"{{{ATOM}}}{name}")) == 1
    assert feed.findtext(f"{{{ATOM}}}author/{{{ATOM}}}name") == "patrolgrid.s1"
    entries = feed.findall(f"{{{ATOM}}}entry")
    assert [entry.findtext(f"{{{ATOM}}}title") for entry in entries][-1] == "Update: 【警告】人流或车流异常增多，西门"
    newest = entries[0]
    assert feed.findtext(f"{{{ATOM}}}updated") == newest.findtext(f"{{{ATOM}}}updated") == "2026-11-23T16:00:14+08:00"
    link = newest.find(f"{{{ATOM}}}link")
    assert link is not None
    assert link.attrib == {"href": "s1-a1-14.xml", "type": "application/cap+xml"}
    assert len({entry.findtext(f"{{{ATOM}}}id") for entry in entries}) == len(entries) == 10


def test_a_test_is_valid_says_so_and_is_not_in_the_feed(station):
    station.cap.check("a test")
    path = station.folder / "test.xml"
    schema().validate(path)
    assert text(ET.XML(path.read_bytes()), "status") == "Test"
    assert not (station.folder / FEED).exists()
