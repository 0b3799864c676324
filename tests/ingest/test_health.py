"""An edge agent's word and strangers, from MQTT to the log; and settings that only the station can have made."""

from __future__ import annotations

import msgspec
import pytest

from ingest import topics
from ingest.edge.signed_settings import (
    SettingsRefusedError,
    SignedSettings,
    key_text,
    read_key,
    read_settings,
    settings_key,
    write_settings,
)
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.health import AgentHealth, AgentReport, AgentReports, Stranger, encode_health, read_health
from ingest.log import RecordKind
from ingest.places import Beat, Device, Places

NOW = 1_795_406_400_000
TOPIC = topics.health("s", "b1", "pi-1")
SAID = AgentHealth(ts=NOW, version="1.0", queue=12, dropped={"level": 3}, strangers=(Stranger("tasmota", "lamp-7"),))


class Hand:
    """A clock set by hand."""

    live = True
    now = NOW

    def now_ms(self) -> int:
        return self.now

    def observe(self, event_ms: int) -> None:
        pass


def intake(clock: Hand) -> Intake:
    pi = Device(id="pi-1", beat="b1", type="door", name={}, lon=0.0, lat=0.0)
    places = Places({"b1": Beat(id="b1", name={}, polygon=())}, {"pi-1": pi})
    return Intake(
        routes=Routes("s", places), clock=clock, plates=Plates([("aaaa", b"a" * 32)]), settings=GatewaySettings()
    )


def reports(one: Intake) -> list[AgentReport]:
    found = [record for record in one.finish().records if record.kind is RecordKind.HEALTH]
    return [msgspec.json.decode(record.payload, type=AgentReport) for record in found]


def test_an_agents_word_is_logged_with_its_device_and_the_time_of_receipt():
    one = intake(Hand())
    one.take(TOPIC, encode_health(SAID))
    assert reports(one) == [AgentReport(beat="b1", device="pi-1", ts=NOW, health=SAID)]
    assert read_health(encode_health(SAID)[:-1] + b',"later":1}') == SAID


def test_no_plate_that_something_is_called_by_reaches_the_log():
    one = intake(Hand())
    said = msgspec.structs.replace(SAID, strangers=(Stranger("tasmota", "tele/京A12345/LWT", name="京A12345"),))
    one.take(TOPIC, encode_health(said))
    (record,) = one.finish().records
    assert "A12345" not in record.payload.decode()
    assert msgspec.json.decode(record.payload, type=AgentReport).met[0].match.startswith("tele/h1:")


def test_what_a_broker_kept_says_nothing_and_what_cannot_be_read_is_refused():
    one = intake(Hand())
    one.take(TOPIC, encode_health(SAID), retained=True)
    assert reports(one) == []
    one.take(TOPIC, b'{"battery":0.82}')  # another device's own
    assert one.finish() == ([], [], 0)
    for bad in (b"", b"[1]", b'{"ts":"now"}', b'{"ts":1,"disk_free":7}', b"\xff"):
        one.take(TOPIC, bad)
        assert [refusal.reason for refusal in one.finish().refusals] == ["status"], bad


def test_a_flood_of_words_is_one_in_five_seconds_and_told():
    clock = Hand()
    one, came = intake(clock), 0
    for _ in range(30):
        one.begin()
        one.take(TOPIC, encode_health(SAID))
        came += len(reports(one))
        clock.now += 1_000
    assert came == 6
    assert one.counts.quarantined["quota"] == 24


def test_a_certificate_that_ends_is_told_beside_the_agents_own_word():
    one = intake(Hand())
    for days in (100, 5, 5):
        one.take(TOPIC, b'{"certificate_days":%d}' % days)
    one.take(TOPIC, encode_health(SAID))
    assert [found.health for found in reports(one)] == [AgentHealth(certificate_days=5), SAID]


def test_devices_that_nobody_knows_wait_as_strangers_and_are_not_told_each_time():
    clock = Hand()
    one, topic = intake(clock), topics.observations("s", "b1", "new-1")
    for expected in (1, 0, 0):
        one.begin()
        one.take(topic, b'{"type":"state","metric":"door","value":"open"}')
        taken = reports(one)
        assert [found.strangers for found in taken] == [(Stranger("native", topic),)] * expected
        clock.now += 60_000
    clock.now += 600_000
    one.begin()
    one.take(topic, b"{}")
    assert len(reports(one)) == 1


def test_strangers_without_end_fill_no_memory():
    met = AgentReports()
    for number in range(5_000):
        met.meet("b1", "pi-1", [Stranger("native", f"t{number}")], NOW)
    (found,) = met.reports(NOW)
    assert len(found.strangers) == 1_000
    met.meet("b1", "pi-1", [Stranger("native", "later")], NOW + 60_000)
    assert met.reports(NOW + 60_000) == []
    met.meet("b1", "pi-1", [Stranger("native", "later")], NOW + 700_000)
    assert len(met.reports(NOW + 700_000)) == 1


KEY = settings_key(b"s" * 32, "pi-1")
SETTINGS_TOPIC = topics.settings("s", "b1", "pi-1")
WANTED = SignedSettings(device="pi-1", version=7, made_ms=NOW, settings={"bindings": [{"codec": "tasmota"}]})


def test_settings_that_the_station_signed_are_read():
    payload = write_settings(WANTED, SETTINGS_TOPIC, KEY)
    assert read_settings(payload, SETTINGS_TOPIC, KEY, above=6) == WANTED


FORGED = write_settings(WANTED, SETTINGS_TOPIC, b"x" * 32)
GOOD = write_settings(WANTED, SETTINGS_TOPIC, KEY)
ANOTHERS = write_settings(msgspec.structs.replace(WANTED, device="pi-2"), SETTINGS_TOPIC, KEY)
VERSION_0 = write_settings(msgspec.structs.replace(WANTED, version=0), SETTINGS_TOPIC, KEY)


@pytest.mark.parametrize(
    ("payload", "topic", "key", "above", "why"),
    [
        (FORGED, SETTINGS_TOPIC, KEY, 0, "not signed"),
        (GOOD, topics.settings("s", "b1", "pi-2"), KEY, 0, "not signed"),
        (GOOD, SETTINGS_TOPIC, settings_key(b"s" * 32, "pi-2"), 0, "not signed"),
        (GOOD.replace(b'"version":7', b'"version":8'), SETTINGS_TOPIC, KEY, 0, "not signed"),
        (GOOD, SETTINGS_TOPIC, KEY, 7, "sent again"),
        (b"", SETTINGS_TOPIC, KEY, 0, "not signed"),
        (b"x" * 300_000, SETTINGS_TOPIC, KEY, 0, "at most"),
        (ANOTHERS, SETTINGS_TOPIC, KEY, 0, "another device"),
        (VERSION_0, SETTINGS_TOPIC, KEY, 0, "not to be read"),
    ],
    ids=["forged", "topic", "key", "altered", "replayed", "empty", "long", "another's", "version 0"],
)
def test_settings_that_are_forged_altered_or_sent_again_are_refused_with_a_reason(payload, topic, key, above, why):
    with pytest.raises(SettingsRefusedError, match=why):
        read_settings(payload, topic, key, above=above)


def test_a_key_is_one_line_and_anything_else_is_named(tmp_path):
    path = tmp_path / "settings.key"
    path.write_text(key_text(KEY) + "\n")
    assert read_key(path) == KEY
    for bad in ("", "zz", key_text(KEY)[:-2], "中"):
        path.write_text(bad)
        with pytest.raises(SettingsRefusedError, match=r"settings\.key: is no key, expected one line of 64"):
            read_key(path)
