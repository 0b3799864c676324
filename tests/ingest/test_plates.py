"""Plates become tokens, and no raw plate reaches a file, whatever shape it comes in."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.intake import Intake
from ingest.gateway.plates import PlateKeyError, Plates, load_plates, normalise, rotate
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log.sqlite_log import SqliteLog
from tests.support import examples

PLATES = Plates([("aaaa", b"a" * 32)])
SHARED = Path(__file__).parents[3] / "shared" / "payloads" / "messages.jsonl"


@pytest.mark.parametrize(
    "written", ["吉A12345", "吉a12345", " 吉A·12345 ", "吉A.12-345", "吉Ａ１２３４５", "吉A•12345"]
)
def test_one_vehicle_has_one_token_however_its_plate_is_written(written):
    assert PLATES.token(written) == PLATES.token("吉A12345")


def test_a_token_has_its_key_and_stays_a_token():
    token = PLATES.token("吉A12345")
    assert token.startswith("h1:aaaa")
    assert len(token) == 39
    assert PLATES.token(token) == token
    assert PLATES.token("吉A12346") != token
    assert Plates([("aaaa", b"b" * 32)]).token("吉A12345") != token


@pytest.mark.parametrize("nothing", ["", "  ", "无牌车", "unknown", "无牌"])
def test_no_plate_has_no_token(nothing):
    assert PLATES.token(nothing) == ""
    assert normalise(nothing) == ""


def test_what_only_looks_like_a_token_is_hashed():
    for raw in ("h1:吉A12345", "h1:A12345", "H1:AAAA00000000"):
        assert PLATES.token(raw) != raw


def test_the_key_file_is_made_private_and_kept(tmp_path):
    path = tmp_path / "keys" / "plates.json"
    token = load_plates(path).token("京A00001")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_plates(path).token("京A00001") == token
    assert list(path.parent.iterdir()) == [path]


def test_rotation_uses_the_newest_key(tmp_path):
    path = tmp_path / "plates.json"
    old = load_plates(path).token("京A00001")
    key = rotate(path, keep=2)
    plates = load_plates(path)
    assert plates.token("京A00001").startswith(f"h1:{key}")
    assert plates.token("京A00001") != old
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_bad_key_file_is_named(tmp_path):
    path = tmp_path / "plates.json"
    load_plates(path)
    path.chmod(0o644)
    with pytest.raises(PlateKeyError, match=r"plates\.json.*chmod 600"):
        load_plates(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(PlateKeyError, match=r"plates\.json"):
        load_plates(path)
    with pytest.raises(PlateKeyError):
        Plates([])


RAW = "吉A12345"
ESCAPED = r"\u5409A12345"
HIDING = [
    json.dumps({"type": "gate", "plate": RAW}, ensure_ascii=False).encode(),
    json.dumps({"type": "gate", "plate": RAW}).encode(),
    b'{"type":"gate","pl\\u0061te":"' + RAW.encode() + b'"}',
    b'{"plate":"' + RAW.encode() + b'","plate":"h1:aaaa00000000000000000000000000000000"}',
    b'{"plate":"' + RAW.encode(),
    b'{"plate":"' + RAW.encode() + b'","in":NaN}',
    b'{"plate":"' + ESCAPED.encode() + b'","in":NaN}',
    b'{"plateNo" : \'' + RAW.encode() + b"'}",
    b'{"a":{"PlateNumber":["' + RAW.encode() + b'"]}}',
    ("plate=" + RAW + "&speed=3").encode(),
    ("<licensePlate>" + RAW + "</licensePlate>").encode(),
    ("车牌号:" + RAW).encode("gb18030"),
    ('{"plate":"' + RAW + '"').encode("gb18030"),
    ("somebody saw " + RAW + " there").encode(),
    b"\xff\xfe" + RAW.encode(),
    json.dumps({"type": "gate", "vehicle": RAW}, ensure_ascii=False).encode(),
    json.dumps({RAW: {"x": ["in 吉A·12345 out"]}}, ensure_ascii=False).encode(),
    json.dumps({"carPlate": "B 123 ABC"}).encode(),
    json.dumps(
        {"carNo": "B 123 ABC", "vehicle_number": "B 123 ABC", "cph": "B 123 ABC", "license": "B 123 ABC"}
    ).encode(),
    b'{"carNum":"B 123 ABC","vehicleNo":"B 123 ABC","cphm":"B 123 ABC"',
    b"[" * 3000 + b'{"plate":"' + RAW.encode() + b'"}',
]
NEVER = [RAW.encode(), RAW.encode("gb18030"), ESCAPED.encode(), "吉A·12345".encode(), b"B 123 ABC"]


@pytest.mark.parametrize("payload", HIDING, ids=range(len(HIDING)))
def test_plates_are_taken_out_of_payloads(payload):
    clean = PLATES.hidden_payload(payload)
    for raw in NEVER:
        assert raw not in clean
    assert PLATES.hidden_payload(clean) == clean


@pytest.mark.parametrize(
    "harmless",
    [
        b'{"type":"count","in":3}',
        b'{"HasPlate":"1","PlateColor":"5"}',
        b'{"vehicle":"car","vehicle_noise":61,"carNotes":"none","licensed":true}',
        b'{"plate":"","speed":3}',
        b'{"plate":"h1:aaaa0123456789abcdef0123456789abcdef"}',
        b"\x00\x01\x02 nothing",
        '{"template":"早上好","text":"津津有味"}'.encode(),
    ],
)
def test_payloads_without_plates_stay_byte_for_byte(harmless):
    assert PLATES.hidden_payload(harmless) == harmless


def test_a_redacted_payload_gives_the_same_token_when_replayed():
    payload = json.dumps({"type": "gate", "ts": -5, "plate": RAW}, ensure_ascii=False).encode()
    assert json.loads(PLATES.hidden_payload(payload))["plate"] == PLATES.token(RAW)


@settings(max_examples=examples(150))
@given(
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
    key=st.sampled_from(["plate", "plateNo", "PlateNumber", "license_plate", "licensePlate", "hphm"]),
    serial=st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=5, max_size=5),
)
def test_a_named_plate_never_survives_whatever_stands_around_it(before, after, key, serial):
    plate = f"京Q{serial}"
    payload = before + f'"{key}":"{plate}"'.encode() + after
    clean = PLATES.hidden_payload(payload)
    assert plate.encode() not in clean


def test_redaction_of_random_bytes_never_raises_and_takes_no_time():
    for payload in (b'"plate":"' * 20_000, b"\\u5409A" * 20_000, "吉".encode() * 60_000, b'{"plate":' * 900 + b"1"):
        PLATES.hidden_payload(payload)


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_no_file_ever_holds_a_raw_plate(tmp_path, caplog):
    clock = SystemClock()
    intake = Intake(routes=Routes("s", None), clock=clock, plates=PLATES)
    log, quarantine = SqliteLog(tmp_path / "log.db", min_free_bytes=0), Quarantine(tmp_path / "quarantine.db")
    topic, now = topics.observations("s", "b", "g"), clock.now_ms()
    for payload in HIDING:
        intake.take(topic, payload)
        intake.take(topics.status("s", "b", "g"), payload)
        intake.take(topics.incidents("s"), payload)
        intake.take(topics.commands("s"), payload)
    good = {"type": "gate", "ts": now, "seq": 1, "plate": RAW}
    intake.take(topic, json.dumps(good, ensure_ascii=False).encode())
    intake.take(topic, json.dumps([good, {**good, "seq": 2}], ensure_ascii=False).encode())
    intake.take(topic, json.dumps([good, {**good, "vehicle": RAW}], ensure_ascii=False).encode())
    intake.take(topic, json.dumps({**good, "ts": now + 10**9}, ensure_ascii=False).encode())
    intake.take(f"patrolgrid/v1/s/{RAW}/g/obs", b"{}")
    incident = {"id": "i1", "ts": now, "lon": 1, "lat": 2, "category": "theft", "text": f"took {RAW}, ran"}
    intake.take(topics.incidents("s"), json.dumps(incident, ensure_ascii=False).encode())
    command = {"id": "c1", "ts": now, "action": "clear", "alert": "a1", "by": f"li {RAW}", "note": f"it was {RAW}"}
    intake.take(topics.commands("s"), json.dumps(command, ensure_ascii=False).encode())
    taken = intake.finish()
    assert taken.observations == 4
    log.append(taken.records)
    quarantine.add_many(taken.refusals)
    found = bytes_of(tmp_path) + caplog.text.encode()
    for raw in NEVER:
        assert raw not in found
    assert PLATES.token(RAW).encode() in found
    log.close()
    quarantine.close()


def test_no_sample_of_a_real_device_leaves_its_plate_in_quarantine():
    if not SHARED.exists():
        pytest.skip("the folder ../shared is not here; it has sample messages of real devices")
    lines = [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines() if line.strip()]
    plates = ["吉A12345", "ABC1234", "123ABC"]
    seen = 0
    for line in lines:
        raw = json.dumps(line["payload"], ensure_ascii=False).encode()
        for cut in (raw, raw[:-1], raw.replace(b":", b" : "), json.dumps(line["payload"]).encode()):
            clean = PLATES.hidden_payload(cut)
            for plate in plates:
                seen += plate.encode() in cut
                assert plate.encode() not in clean, line["from"]
    assert seen >= 9
