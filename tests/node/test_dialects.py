"""What every dialect says, from a real broker or a real HTTP request through agent, station and store to the board.

The times in them are of now, so that each is live.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.codecs.bindings import Binding
from ingest.codecs.vendors import NAMES
from ingest.places import load_places
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.ingest.brokers import Broker, Publisher
from tests.ingest.codecs.vendors import test_sparkplug as sparkplug
from tests.ingest.edge.test_service import running
from tests.node.harness import Process
from tests.support import free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dialects")]
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(ZONE).replace(microsecond=0)
MS = round(NOW.timestamp() * 1000)
SQUARE = [[121.47, 31.23], [121.48, 31.23], [121.48, 31.24], [121.47, 31.24], [121.47, 31.23]]


class Dialect(NamedTuple):
    """What a technician binds, what the device sends, and what is then on the board."""

    bound: Binding
    type: str
    sent: list[tuple[str, bytes]]
    """Topics, or paths of HTTP requests, and payloads."""
    metric: str
    shown: dict[str, Any]
    http: bool = False


def text(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def axis(total: int) -> bytes:
    data = {"startTime": (NOW - timedelta(hours=6)).isoformat(), "scenario": "Scenario 1", "reason": "human"}
    data |= {"scenarioType": "crosslinecounting", "total": f"{total}", "totalHuman": f"{total}", "totalCar": "0"}
    message = {"source": {}, "key": {}, "data": data}
    return text({"timestamp": MS - 1_000 * (total == 5), "serial": "00005E005341", "message": message})


FRIGATE = {
    "id": "1.5-a", "camera": "gate_cam", "label": "car", "false_positive": False, "top_score": 0.9, "score": 0.9,
    "frame_time": MS / 1000, "start_time": MS / 1000 - 3, "end_time": None, "stationary": False,
    "current_zones": ["lane"], "entered_zones": ["lane"],
}  # fmt: skip
MILESIGHT = {
    "event": "Line Crossing People Counting", "report_type": "interval", "device_info": {"device_name": "Counter"},
    "line_periodic_data": [{"line": 1, "line_name": "Line1", "total": {"in": 3, "out": 1}}],
    "time_info": {
        "start_time": (NOW - timedelta(seconds=60)).isoformat(), "end_time": NOW.isoformat(),
        "time_zone": "UTC+8:00 China Standard Time (CT/CST)",
    },
}  # fmt: skip
AXIS = "axis/00005E005341/event/tns:axis/CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1"
SHELLY = "shellyplusi4-00005e005361"
PRESSED = {"src": SHELLY, "method": "NotifyStatus", "params": {"ts": MS / 1000, "input:0": {"id": 0, "state": True}}}
OPENS = {"true": "open", "false": "closed"}
MAST = "urn:dev:mac:00005efffe005381:"
LINE = {"UtcTime": NOW.isoformat(), "Source": {"VideoSource": "1", "Rule": "Door"}, "Data": {"ObjectId": "15"}}
LINE_TOPIC = "cam-10/onvif-ej/RuleEngine/LineDetector/Crossed/&1/2/Door"
BORN = sparkplug.metric(name="Door/Open", alias=2, kind=sparkplug.BOOLEAN, bool=False)
OPENED = sparkplug.metric(alias=2, ts=MS, bool=True)


def plug(what: str, *metrics: bytes, seq: int) -> tuple[str, bytes]:
    said = sparkplug.message(what, *metrics, ts=MS - 2_000, seq=seq)
    return said.topic, said.payload


DIALECTS = [
    Dialect(
        Binding("zigbee2mqtt", "z2m-1", "zigbee2mqtt/stair"), "door",
        [("zigbee2mqtt/stair", b'{"contact":false,"linkquality":90}')], "door", {"value": "open"},
    ),
    Dialect(
        Binding("tasmota", "tasmota-1", "lamp-7", "Switch1", metric="door", states={"ON": "open", "OFF": "closed"}),
        "door", [("tele/lamp-7/SENSOR", text({"Time": f"{NOW:%Y-%m-%dT%H:%M:%S}", "Switch1": "ON"}))], "door",
        {"value": "open"},
    ),
    Dialect(
        Binding("shelly", "shelly-1", SHELLY, "input:0", metric="door", states=OPENS),
        "door",
        [(f"{SHELLY}/events/rpc", text(PRESSED))],
        "door", {"value": "open"},
    ),
    Dialect(
        Binding("esphome", "esphome-1", "porch/binary_sensor/front_door/state", metric="door"), "door",
        [("porch/binary_sensor/front_door/state", b"ON")], "door", {"value": "open"},
    ),
    Dialect(
        Binding("senml", "senml-1", MAST), "noise",
        [("senml/mast-1", text([{"bn": MAST, "bt": MS // 1000, "n": "noise", "u": "dB", "v": 61.5}]))],
        "noise", {"mean": 61.5},
    ),
    Dialect(
        Binding("sparkplug", "sparkplug-1", "demo/edge-1/gate", "Door/Open", metric="door", states=OPENS),
        "door", [plug("NBIRTH", seq=0), plug("DBIRTH", BORN, seq=1), plug("DDATA", OPENED, seq=2)], "door",
        {"value": "open"},
    ),
    Dialect(
        Binding("axis", "axis-1", "00005E005341", "Device1Scenario1", direction="in"), "camera",
        [(AXIS, axis(5)), (AXIS, axis(8))], "person", {"in": 3, "out": 0},
    ),
    Dialect(
        Binding("onvif", "onvif-1", "cam-10", of="person", direction="in"), "camera",
        [(LINE_TOPIC, text(LINE))],
        "person", {"in": 1, "out": 0},
    ),
    Dialect(
        Binding("frigate", "frigate-1", "gate_cam", "lane", direction="in"), "gate",
        [("frigate/events", text({"type": "update", "before": FRIGATE | {"entered_zones": []}, "after": FRIGATE}))],
        "gate", {"direction": "in", "vehicle": "car"},
    ),
    Dialect(
        Binding("milesight", "milesight-1", "milesight/door-20", "1", of="person", meaning="interval"), "camera",
        [("milesight/door-20", text(MILESIGHT))], "person", {"in": 3, "out": 1},
    ),
]  # fmt: skip


HIK = f"""<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<ipAddress>192.0.2.11</ipAddress><macAddress>00:00:5e:00:53:12</macAddress><channelID>1</channelID>
<dateTime>{NOW.isoformat()}</dateTime><eventType>PeopleCounting</eventType><eventState>active</eventState>
<peopleCounting><statisticalMethods>timeRange</statisticalMethods><TimeRange>
<startTime>{(NOW - timedelta(seconds=60)).isoformat()}</startTime><endTime>{NOW.isoformat()}</endTime></TimeRange>
<enter>21</enter><exit>17</exit></peopleCounting></EventNotificationAlert>"""
DAHUA = {
    "Class": "Normal", "Direction": "LeftToRight", "EventID": 10081, "LocaleTime": f"{NOW:%Y-%m-%d %H:%M:%S}",
    "Name": "Door line", "Object": {"ObjectID": 4695, "ObjectType": "Human"}, "RuleID": 1,
}  # fmt: skip
SYSTEM, CAMERA, PASSWORD = "99999900005030000001", "99999900001190000001", "open sesame"
PASSED = {
    "MotorVehicleID": f"{CAMERA}02{NOW:%Y%m%d%H%M%S}0000102", "DeviceID": CAMERA, "PlateNo": "京A12345",
    "HasPlate": "1", "Direction": "1", "VehicleClass": "K33", "PassTime": f"{NOW:%Y%m%d%H%M%S}",
}  # fmt: skip
DIALECTS += [
    Dialect(
        Binding("hikvision", "hik-1", "/hik/door", of="person", meaning="interval"), "camera",
        [("/hik/door", HIK.encode())], "person", {"in": 21, "out": 17}, True,
    ),
    Dialect(
        Binding("dahua", "dahua-1", "/dahua/door", of="person", directions={"LeftToRight": "in"}), "camera",
        [("/dahua/door", b"Code=CrossLineDetection;action=Start;index=0;data=" + text(DAHUA))], "person",
        {"in": 1, "out": 0}, True,
    ),
    Dialect(
        Binding("gat1400", "gat-1", SYSTEM, CAMERA, directions={"1": "in"}), "gate",
        [
            ("/VIID/System/Register", text({"RegisterObject": {"DeviceID": SYSTEM}})),
            ("/VIID/MotorVehicles", text({"MotorVehicleListObject": {"MotorVehicleObject": [PASSED]}})),
        ],
        "gate", {"direction": "in", "vehicle": "car"}, True,
    ),
]  # fmt: skip
ACCOUNTS = {"hikvision": "cam-1", "dahua": "cam-2", "gat1400": SYSTEM}


class Station:
    """Broker, node and board of a site, and the settings of an agent beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.http_port = folder, free_port()
        self.broker = Broker("mosquitto", 3, folder)
        (folder / "places.geojson").write_bytes(text({"type": "FeatureCollection", "features": [*self._features()]}))
        self.config = folder / "patrolgrid.toml"
        self.config.write_text(
            f'[site]\nid = "s1"\nplaces = "places.geojson"\n[data]\ndir = "data"\n'
            f'[broker]\nmode = "external"\nport = {self.broker.port}\n[board]\nport = {free_port()}\n'
        )
        self.store = folder / "data" / "s1" / "store.db"
        self.node = Process("node", [sys.executable, "-m", "deploy.node", "--config", str(self.config)], folder)

    def begin(self) -> None:
        """Start the node, and wait until it hears devices."""
        self.node.start()
        wait_for(lambda: (self._status() or {}).get("connected"), "the node is connected")

    @staticmethod
    def _features() -> Iterator[dict[str, Any]]:
        beat = {"kind": "beat", "id": "b1", "name": "B"}
        yield {"type": "Feature", "properties": beat, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
        for one in DIALECTS:
            said = {"kind": "device", "id": one.bound.device, "beat": "b1", "type": one.type}
            yield {
                "type": "Feature",
                "properties": said,
                "geometry": {"type": "Point", "coordinates": [121.475, 31.235]},
            }

    def _status(self) -> dict[str, Any] | None:
        with closing(StoreReader(self.store)) as reader:
            try:
                return reader.meta("status", None)
            except StoreMissingError:
                return None

    def agent(self) -> Path:
        """Write the agent's settings."""
        file = self.folder / "edge.toml"
        mqtt = sorted({one.bound.codec for one in DIALECTS if not one.http})
        lines = [
            f'[agent]\nsite = "s1"\nfolder = "kept"\nzone = "Asia/Shanghai"\n[broker]\nport = {self.broker.port}',
            f'[[sources]]\nkind = "mqtt"\ncodecs = {json.dumps(mqtt)}\nport = {self.broker.port}',
        ]
        lines.append(f'[[sources]]\nkind = "http"\nport = {self.http_port}')
        for codec, account in ACCOUNTS.items():
            said = {"name": account, "password_file": "camera.password", "codecs": [codec]}
            lines.append("[[sources.accounts]]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in said.items()))
        (self.folder / "camera.password").write_text(PASSWORD)
        lines += [f'[[devices]]\ndevice = "{one.bound.device}"\nbeat = "b1"' for one in DIALECTS]
        for one in DIALECTS:
            bound = msgspec.to_builtins(one.bound)
            lines.append("[[bindings]]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in bound.items()))
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def stop(self) -> None:
        self.node.end(signal.SIGTERM)
        self.broker.stop()


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    found = Station(tmp_path_factory.mktemp("dialects"))
    try:
        found.begin()
        yield found
    finally:
        found.stop()


def _shown(client: httpx.Client, one: Dialect) -> list[dict[str, Any]]:
    """Return what the board's page of a device shows of the metric, with the names that are wanted."""
    page = client.get(f"/api/device/{one.bound.device}")
    if page.is_client_error:  # nothing was heard of it yet
        return []
    found = page.json()
    rows = [row | {"metric": "gate"} for row in found["gates"]] + found["states"]
    rows += [window | {"metric": series["metric"]} for series in found["series"] for window in series["windows"]]
    return [{name: row.get(name) for name in one.shown} for row in rows if row["metric"] == one.metric]


def post(port: int, account: str, path: str, payload: bytes) -> None:
    """Post as a camera does: refused at first, and then with a Digest."""
    headers = {"User-Identify": account, "Content-Type": "application/xml" if payload[:1] == b"<" else "text/plain"}
    if path.startswith("/VIID"):
        headers["Content-Type"] = "application/VIID+JSON;charset=UTF-8"
    digest = httpx.DigestAuth(account, PASSWORD)
    answer = httpx.post(f"http://127.0.0.1:{port}{path}", content=payload, headers=headers, auth=digest, timeout=20)
    assert answer.is_success, answer.text


@pytest.fixture(scope="module")
def board(station):
    """The board, when every dialect has been said once."""
    publisher, reader = Publisher(station.broker.port), StoreReader(station.store)
    config = BoardConfig(
        site="s1", site_name={"en": "S"}, language="en", store_path=str(station.store), places_path="",
        broker=station.broker.address,
    )  # fmt: skip
    app = make_app(reader, as_file(load_places(station.folder / "places.geojson")), lambda _command: None, config)
    with running(station.agent()) as (service, _), served(app) as client:
        wait_for(lambda: all(source.up for source in service._house.sources), "the agent hears the broker beside it")
        wait_for(lambda: all(one.connected for one in service._house.agents.values()), "all devices are connected")
        for one in DIALECTS:
            for topic, payload in one.sent:
                if one.http:
                    post(station.http_port, ACCOUNTS[one.bound.codec], topic, payload)
                else:
                    publisher.send(topic, payload)
        yield client, service
    reader.close()
    publisher.close()


@pytest.mark.parametrize("one", DIALECTS, ids=lambda one: one.bound.codec)
def test_what_a_device_says_in_its_dialect_is_on_the_board(board, one):
    client, service = board
    wait_for(
        lambda: one.shown in _shown(client, one),
        lambda: f"{one.bound.device} shows {_shown(client, one)}; the agent: {service.health()}",
        20,
    )


def test_the_agent_is_on_the_board_too(board):
    client, service = board
    speaker = service.file.speaker.device
    wait_for(lambda: client.get(f"/api/device/{speaker}").json()["agent"], "its word is there")
    assert client.get(f"/api/device/{speaker}").json()["agent"]["queue"] == 0


def test_every_dialect_is_here():
    assert {one.bound.codec for one in DIALECTS} == {*NAMES}
