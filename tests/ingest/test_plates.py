"""Plates become tokens, and no raw plate reaches a file, whatever shape it comes in."""

from __future__ import annotations

import gzip
import json
import stat
import time
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.intake import Intake
from ingest.gateway.plate_keys import load_plates, read_keys, rotate
from ingest.gateway.plates import PlateKeyError, Plates, normalise
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log.batch import open_batch
from ingest.log.sqlite_log import SqliteLog
from ingest.places import PLATE_TOKENS, Beat, Device, Places
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
    assert PLATES.token(token, trusted=True) == token
    assert PLATES.token("吉A12346") != token
    assert Plates([("aaaa", b"b" * 32)]).token("吉A12345") != token


def test_a_token_of_a_device_that_may_not_make_them_is_hashed_like_any_text():
    token = PLATES.token("吉A12345")
    assert PLATES.token(token) not in {token, ""}
    assert PLATES.token(f"{token}~0123456789abcdef") not in {token, ""}


@pytest.mark.parametrize("colour", ["蓝", "蓝色", "黄绿", "黄绿双拼色", "新能源绿", "渐变绿"])
def test_the_colour_before_a_plate_is_none_of_it(colour):
    assert PLATES.token(f"{colour}京AD12345") == PLATES.token("京AD12345")


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        "  ",
        "无牌车",
        "unknown",
        "无牌",
        "蓝无车牌",
        "未知车牌",
        "未悬挂号牌",
        "无号牌",
        "蓝",
        "0000000",
        "Unlicensed",
    ],
)
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


def test_a_key_in_the_data_folder_is_moved_out_and_stays_the_key(tmp_path):
    was, path = tmp_path / "data" / "plates.key", tmp_path / "keys" / "plates.key"
    token = load_plates(was).token("京A00001")
    assert load_plates(path, was=was).token("京A00001") == token
    assert not was.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rotation_links_old_tokens_to_new_ones_for_28_days(tmp_path):
    path = tmp_path / "plates.json"
    plates = load_plates(path)
    old = plates.token("京A00001")
    now_ms = time.time_ns() // 1_000_000
    plates.refresh(now_ms)
    assert plates.logged("京A00001") == old
    key = rotate(path)
    plates.refresh(now_ms)  # a running gateway
    new = plates.token("京A00001")
    assert new.startswith(f"h1:{key}")
    assert plates.logged("京A00001") == f"{new} {old}" == load_plates(path).logged("京A00001")
    assert plates.logged(new, trusted=True) == new
    plates.refresh(now_ms + 29 * 86_400_000)
    assert plates.logged("京A00001") == new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_that_are_linked_no_more_leave_the_file_with_the_next_rotation(tmp_path):
    path = tmp_path / "plates.json"
    load_plates(path)
    for _ in range(3):
        rotate(path)
    assert len(read_keys(path)) == 4, "all of today are linked"
    document = json.loads(path.read_bytes())
    for number, key in enumerate(document["keys"]):
        key["created_ms"] -= (40 - number) * 86_400_000
    path.write_text(json.dumps(document))
    rotate(path)
    assert len(read_keys(path)) == 2, "the last of them was replaced today, the others long ago"


def test_a_key_file_damaged_while_a_gateway_runs_leaves_the_keys_in_use(tmp_path, caplog):
    path = tmp_path / "plates.json"
    plates = load_plates(path)
    token = plates.token("京A00001")
    path.write_text("{")
    for _ in range(2):
        plates.refresh(time.time_ns() // 1_000_000)
    assert plates.token("京A00001") == token
    assert caplog.text.count("plates.json") == 1


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
    b'{"x":"' + r"吉A\t12345".encode() + b'","in":NaN}',
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
NEVER = [
    RAW.encode(),
    RAW.encode("gb18030"),
    ESCAPED.encode(),
    "吉A·12345".encode(),
    r"吉A\t12345".encode(),
    b"B 123 ABC",
]


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
    hidden = json.loads(PLATES.hidden_payload(payload))["plate"]
    assert PLATES.token(hidden) == PLATES.token(RAW)
    assert Plates([("bbbb", b"b" * 32)]).token(hidden) not in {PLATES.token(RAW), hidden, ""}, "another site's"


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


FORMS = [
    "吉A12345", "吉AD12345", "吉A·12345", "吉A—12345", "吉A–12345", "吉A 12345", "吉 A 1 2 3 4 5", "吉A_12345",
    "WJ鲁12345", "WJ鲁1234X", "ＷＪ鲁１２３４５", "wj·鲁·12345", "WJ31-12345", "吉Ａ１２３４５",
    "空A12345", "空A·12345", "军A12345", "海 A 12345",
    "京A1234学", "粤Z1234港", "粤Z·1234澳", "京A1234警", "沪A12345挂", "临吉A12345", "京X0001应急", "民航A1234",
    "使014578", "使 014 578", "014578使", "沪A1234领", "A12345", "A·12345", "VA12345", "AF12345",
]  # fmt: skip
_MARKLESS = {"utf-16": "utf-16-le"}
CODES = ["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le"]


@pytest.mark.parametrize("plate", FORMS)
def test_no_form_of_a_plate_survives_in_a_payload_in_any_encoding(plate):
    for around in ("%s", '{"v":"%s"', '{"type":"gate","vehicle":"%s"}', '{"text":"a %s b"}'):
        for code in CODES:
            try:
                raw, written = (around % plate).encode(code), plate.encode(_MARKLESS.get(code, code))
            except UnicodeEncodeError:
                continue
            assert written not in PLATES.hidden_payload(raw), (around, code)
    text = f'{{"v":"{plate}"}}'.encode()
    for packed in (gzip.compress(text), zlib.compress(text), quote(text).encode(), json.dumps(text.decode()).encode()):
        clean = PLATES.hidden_payload(packed)
        assert clean != packed
        assert plate.encode() not in clean


@pytest.mark.parametrize("plate", [form for form in FORMS if form[0] not in "AV"])
def test_no_form_of_a_plate_survives_in_a_text(plate):
    assert plate not in PLATES.hidden_text(f"somebody saw {plate}, then nothing")


@pytest.mark.parametrize("plate", ["吉A12345", "WJ鲁12345", "空A12345"])
def test_no_plate_sent_as_boot_metric_or_state_reaches_the_log(plate):
    clock = SystemClock()
    intake = Intake(routes=Routes("s", None), clock=clock, plates=PLATES)
    now = clock.now_ms()
    odd = [
        {"type": "count", "ts": now, "seq": 1, "boot": plate, "interval_s": 1, "in": 1},
        {"type": "level", "ts": now, "seq": 2, "metric": plate, "unit": plate, "value": 1},
        {"type": "state", "ts": now, "seq": 3, "metric": "door", "value": plate},
        {"type": "state", "ts": now, "seq": 4, "metric": "plate", "value": "A12345"},
        {"type": "gate", "ts": now, "seq": 5, "vehicle": plate, "plate": plate},
    ]
    for one in odd:
        for several in (one, [one, {**one, "seq": one["seq"] + 10}]):
            intake.take(topics.observations("s", "b", "g"), json.dumps(several, ensure_ascii=False).encode())
    taken = intake.finish()
    assert taken.observations + len(taken.refusals) >= len(odd)
    stored = b"".join(record.payload for record in taken.records) + b"".join(bad.payload for bad in taken.refusals)
    stored += "".join(bad.detail for bad in taken.refusals).encode()
    assert plate.encode() not in stored
    assert b"A12345" not in stored


def test_only_a_gate_that_may_sends_tokens_of_its_own():
    made_elsewhere = "h1:" + "9f3c" + "0" * 32
    devices = {
        name: Device(name, "b", "gate", {}, 0, 0, more) for name, more in (("g1", {}), ("g2", {PLATE_TOKENS: True}))
    }
    clock = SystemClock()
    intake = Intake(routes=Routes("s", Places({"b": Beat("b", {}, ())}, devices)), clock=clock, plates=PLATES)
    for device in devices:
        for seq in (1, 3):
            one = {"type": "gate", "ts": clock.now_ms(), "seq": seq, "plate": made_elsewhere}
            payload = [one, {**one, "seq": seq + 1}] if seq == 1 else one
            intake.take(topics.observations("s", "b", device), json.dumps(payload).encode())
    batch = open_batch(intake.finish().records[0].payload)
    texts = [batch.strings[index] for index in batch.columns["text"].values()]
    assert texts == [PLATES.token(made_elsewhere)] * 3 + [made_elsewhere] * 3


UNITS = [
    "京A",
    "京A ",
    "京 A ",
    "京A1 ",
    "WJ",
    "WJ1 ",
    "wj",
    "使1 ",
    "1使",
    "民航",
    "A1",
    "吉A_",
    "plate",
    "car ",
    "%E5",
]


@pytest.mark.parametrize("unit", UNITS)
def test_hiding_takes_time_that_is_linear_in_the_length(unit):
    def steps(length: int) -> float:
        text = (unit * length)[:length]
        best = float("inf")
        for _ in range(3):
            begun = time.process_time()
            PLATES.hidden_payload(text.encode())
            PLATES.hidden_payload(text.encode("gb18030"))
            PLATES.hidden_text(text)
            best = min(best, time.process_time() - begun)
        return best

    steps(1_000)
    # Four times the length: four times the time where it is linear, sixteen where it is quadratic.
    assert steps(80_000) < 10 * max(steps(20_000), 0.002)


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
    command = {
        "id": "c1",
        "ts": now,
        "action": "clear",
        "alert": "a1",
        "by": f"li {RAW}",
        "note": f"it was {RAW}",
        "name": RAW,
    }
    intake.take(topics.commands("s"), json.dumps(command, ensure_ascii=False).encode())
    taken = intake.finish()
    assert taken.observations == 5  # whether a clock is wrong, the shard decides
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
