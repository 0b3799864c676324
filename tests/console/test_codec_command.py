"""`patrolgrid codec`: what a technician sees of a message before anything is connected."""

import json

import pytest

from console.cli.main import main
from ingest.codecs.vendors import NAMES

TOPIC = "zigbee2mqtt/front"
TRY = ["codec", "try", "--codec", "zigbee2mqtt", "--topic", TOPIC]
BIND = f"device=door-01 match={TOPIC} part=contact"


@pytest.fixture
def said(tmp_path):
    path = tmp_path / "said.json"
    path.write_text('{"contact": false, "smoke": true}', encoding="utf-8")
    return str(path)


def test_every_dialect_is_listed_with_what_to_bind(capsys):
    assert main(["codec", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)
    assert main(["codec", "list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == sorted(NAMES)


def test_without_bindings_it_says_what_one_needs(said, capsys):
    assert main([*TRY, "--payload", said]) == 1
    assert f"match={TOPIC} (may be: smoke)" in capsys.readouterr().out


def test_with_a_binding_it_says_what_the_message_becomes(said, capsys):
    assert main([*TRY, "--payload", said, "--bind", BIND]) == 0
    shown = capsys.readouterr().out
    assert "door-01  state  door = open" in shown
    assert "smoke" not in shown


def test_a_message_of_a_system_that_registers_can_be_tried_alone(tmp_path, capsys):
    path = tmp_path / "said.json"
    path.write_text('{"MotorVehicleObject": {"MotorVehicleID": "1", "PlateNo": "无车牌"}}', encoding="utf-8")
    system = "99999900005030000001"
    words = ["codec", "try", "--codec", "gat1400", "--topic", "/VIID/MotorVehicles", "--payload", str(path)]
    assert main([*words, "--bind", f"device=gate-1 match={system}"]) == 1
    assert "HTTP 401" in capsys.readouterr().out
    assert main([*words, "--bind", f"device=gate-1 match={system}", "--sender", system]) == 0
    assert "gate-1  gate" in capsys.readouterr().out


def test_bindings_come_from_the_files_that_have_them(said, tmp_path, capsys):
    settings, places = tmp_path / "edge.toml", tmp_path / "places.geojson"
    settings.write_text(f'[[bindings]]\ncodec = "zigbee2mqtt"\ndevice = "door-01"\nmatch = "{TOPIC}"\n', "utf-8")
    square = [[0.0, 0.0], [0.01, 0.0], [0.01, 0.01], [0.0, 0.0]]
    beat = {"kind": "beat", "id": "b"}
    door: dict[str, object] = {"kind": "device", "id": "door-01", "beat": "b", "type": "door"}
    door["bindings"] = [{"codec": "zigbee2mqtt", "match": TOPIC}]
    shapes: list[tuple[str, list[object], object]] = [("Polygon", [square], beat), ("Point", [0.005, 0.001], door)]
    features = [
        {"type": "Feature", "geometry": {"type": kind, "coordinates": points}, "properties": properties}
        for kind, points, properties in shapes
    ]
    places.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    for path in (settings, places):
        assert main([*TRY, "--payload", said, "--bindings", str(path), "--json"]) == 0
        [meaning] = json.loads(capsys.readouterr().out)
        assert {(one["device"], one["metric"]) for one in meaning["observations"]} == {
            ("door-01", "smoke"),
            ("door-01", "door"),
        }


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["--bind", "device=door-01"], "missing required field `match`"),
        (["--bind", "door-01"], "'door-01' has no =, expected words such as device=door-1"),
        (["--bind", "device=door-01 match=a lamp=b"], "unknown field `lamp`"),
        (["--bind", "codec=x device=door-01 match=a"], "codec is 'x', expected one of"),
        (["--bindings", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--header", "x"], "has no name before a colon"),
        (["--topic", "b"], "2 topics for 1 payloads, expected one topic, or one for each payload"),
    ],
)
def test_what_cannot_be_used_is_named(words, wrong, said, capsys):
    assert main([*TRY, "--payload", said, *words]) == 2
    assert wrong in capsys.readouterr().err


def test_a_refusal_is_told_with_its_reason_and_nothing_of_the_message(tmp_path, capsys):
    path = tmp_path / "broken.json"
    path.write_bytes(b'{"contact": "secret')
    assert main([*TRY, "--payload", str(path), "--bind", BIND, "--lang", "zh-CN"]) == 1
    shown = capsys.readouterr().out
    assert "拒收" in shown
    assert "secret" not in shown
