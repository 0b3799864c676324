"""A real agent with a port that cameras post to, and a real broker: what is personal is on no disk behind it."""

import json
from contextlib import closing

import httpx

from ingest.observations import Count, Gate
from tests.ingest.brokers import Broker
from tests.ingest.edge.test_service import Heard, running
from tests.support import free_port, wait_for

SYSTEM, CAMERA, PASSWORD = "99999900005030000001", "99999900001190000001", "open sesame"
FILE = """
[agent]
site = "s1"
folder = "kept"
[broker]
port = {station}
[[devices]]
device = "gate-1"
beat = "b1"
[[sources]]
kind = "http"
port = {port}
[[sources.accounts]]
name = "{system}"
password_file = "password"
codecs = ["gat1400"]
[[bindings]]
codec = "gat1400"
device = "gate-1"
match = "{system}"
directions = {{ 1 = "in" }}
"""
PICTURE = "/9j/4AAQSkZJRgABAQ" * 40
MOTOR = {
    "MotorVehicleID": "1",
    "DeviceID": CAMERA,
    "Direction": "1",
    "PlateNo": "京A12345",
    "PassTime": "20261120080512",
    "SubImageList": {"SubImageInfoObject": [{"Data": PICTURE}]},
}
POSTS = [
    ("System/Register", {"RegisterObject": {"DeviceID": SYSTEM}}, "0"),
    ("MotorVehicles", {"MotorVehicleListObject": {"MotorVehicleObject": [MOTOR]}}, "0"),
    ("Community/PersonInfos", {"PersonInfoObject": {"Name": "测试甲", "IDNumber": "000000190001010008"}}, "8"),
    ("Faces", {"FaceListObject": {"FaceObject": [{"FaceID": "1", "Data": PICTURE}]}}, "8"),
    ("MotorVehicles", {"MotorVehicleObject": MOTOR, "CarInfoList": [{"OwnerPhone": "10000000000"}]}, "8"),
    ("APEs", {"APEListObject": {"APEObject": [{"ApeID": CAMERA, "Password": "not-a-real-secret"}]}}, "0"),
    ("Persons", {"PersonObject": [{"PersonID": "7", "DeviceID": CAMERA, "IDNumber": None}]}, "0"),
    ("System/UnRegister", {"UnRegisterObject": {"DeviceID": SYSTEM}}, "0"),
]
NOWHERE = (
    "京A12345", "京a12345", PICTURE[:40], "测试甲", "000000190001010008", "10000000000", "not-a-real-secret", PASSWORD,
)  # fmt: skip


def test_what_a_camera_posts_is_said_at_the_station_and_what_is_personal_is_nowhere(tmp_path, caplog):
    broker, port = Broker("mosquitto", 3, tmp_path / "broker"), free_port()
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    path = tmp_path / "edge.toml"
    path.write_text(FILE.format(station=broker.port, port=port, system=SYSTEM), encoding="utf-8")
    try:
        with closing(Heard(broker.port)) as station, running(path):
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/VIID/", timeout=20) as client:
                auth = httpx.DigestAuth(SYSTEM, PASSWORD)
                for place, said, code in POSTS:
                    answer = client.post(place, json=said, headers={"User-Identify": SYSTEM}, auth=auth)
                    assert answer.json()["ResponseStatusObject"]["StatusCode"] == code
            wait_for(lambda: len(station.said["gate-1"]) >= 2, "the passages did not come")
            passed = station.said["gate-1"]
        assert sorted(type(one).__name__ for one in passed) == ["Count", "Gate"]
        assert [(one.direction, one.plate) for one in passed if isinstance(one, Gate)] == [("in", "")]
        assert [one.in_ for one in passed if isinstance(one, Count)] == [1]
    finally:
        broker.stop()
    (tmp_path / "password").unlink()
    kept = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert len(kept) > 3
    for file, content in kept.items():
        for word in NOWHERE:
            assert word.encode() not in content, file
            assert word.encode("gbk") not in content, file
            assert json.dumps(word).strip('"').encode() not in content, file
    assert not [word for word in NOWHERE if word in caplog.text]
