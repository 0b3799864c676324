"""Sources of an edge agent: folders, pins, serial ports, lines; and which topic goes to which codec."""

import json
import os
import subprocess
import sys
import termios
import threading
from collections import defaultdict
from contextlib import closing
from functools import partial

import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import Meaning
from ingest.edge.edge_file import DirPart, GpioPart, MqttPart, PinPart, SerialPart
from ingest.edge.plain_lines import MOST_BYTES
from ingest.edge.sources.broker_beside import MqttSource, routes
from ingest.edge.sources.folder import FolderSource
from ingest.edge.sources.standard_input import Lines
from ingest.observations import Count, Level, State
from tests.support import wait_for


class Taken:
    """A desk that keeps what it is given; `fails_at` raises there once, as a kill would end everything."""

    def __init__(self):
        self.said, self.messages, self.kept, self.fails_at = defaultdict(list), [], {}, None
        self.changed = threading.Event()

    def take(self, codec, message, remember=None):
        self.messages.append((codec, message.topic, message.payload))
        self.changed.set()
        return Meaning()

    def observe(self, device, observations, remember=None):
        if self.fails_at is not None and len(self.said[device]) >= self.fails_at:
            self.fails_at = None
            raise RuntimeError("killed")
        self.said[device] += observations
        self.kept = {key: value for key, value in {**self.kept, **(remember or {})}.items() if value is not None}
        self.changed.set()
        return []

    def recall(self, prefix):
        return {key: value for key, value in self.kept.items() if key.startswith(prefix)}


def level(value):
    return json.dumps({"type": "level", "metric": "noise", "value": value, "unit": "dB", "ts": 1_700_000_000_000})


def put(path, text):
    """Let a file appear whole."""
    half = path.with_name(f"{path.name}.tmp")
    half.write_text(text, encoding="utf-8")
    half.rename(path)


def folder(path, taken, **options):
    source = FolderSource(DirPart(path=path, device="cam-1", quiet_s=0, **options), "dir-1", taken)
    source.look_s = 0.02
    return closing(source)


def values(taken, device="cam-1"):
    return [one.value for one in taken.said[device]]


def has(taken, number):
    return len(taken.said["cam-1"]) == number


# -- folders -----------------------------------------------------------------------------------------------------------


def test_files_are_read_once_whole_and_then_deleted(tmp_path):
    taken = Taken()
    put(tmp_path / "a.json", f"{level(1)}\n[{level(2)},{level(3)}]\n")
    (tmp_path / "b.json.part").write_text(level(9), encoding="utf-8")
    (tmp_path / ".c.json").write_text(level(9), encoding="utf-8")
    with folder(tmp_path, taken) as source:
        source.start()
        wait_for(lambda: not (tmp_path / "a.json").exists(), "the file is taken")
        (tmp_path / "b.json.part").rename(tmp_path / "b.json")
        wait_for(lambda: not (tmp_path / "b.json").exists(), "the other one is taken when it is whole")
    assert values(taken) == [1, 2, 3, 9]
    assert [path.name for path in tmp_path.iterdir()] == [".c.json"]
    assert taken.kept == {}, "nothing is remembered of what is done"


def test_files_are_moved_where_that_is_wanted_and_the_same_name_may_come_again(tmp_path):
    taken = Taken()
    with folder(tmp_path, taken, done="move", pattern="*.json") as source:
        source.start()
        for value in (1, 2):
            put(tmp_path / "a.json", level(value))
            wait_for(lambda: not (tmp_path / "a.json").exists(), "the file is taken")
        put(tmp_path / "a.txt", level(3))
        put(tmp_path / "z.json", level(4))
        wait_for(lambda: not (tmp_path / "z.json").exists(), "the last file is taken")
    assert values(taken) == [1, 2, 4]
    assert len(list((tmp_path / "done").iterdir())) == 3
    assert (tmp_path / "a.txt").exists()


def test_a_file_during_which_the_agent_is_killed_is_taken_on_where_it_was(tmp_path):
    taken = Taken()
    taken.fails_at = 200
    text = "\n".join(level(value) for value in range(450))
    put(tmp_path / "a.json", text)
    with folder(tmp_path, taken) as source, pytest.raises(RuntimeError, match="killed"):
        source._look()
    assert len(values(taken)) == 200
    with folder(tmp_path, taken) as source:
        source.start()
        wait_for(lambda: not (tmp_path / "a.json").exists(), "the file is taken")
    assert values(taken) == list(range(450))


def test_another_file_under_the_same_name_is_taken_from_its_beginning(tmp_path):
    taken = Taken()
    taken.kept = {"dir-1/a.json": b'["0123456789abcdef",1]'}
    put(tmp_path / "a.json", f"{level(1)}\n{level(2)}\n")
    with folder(tmp_path, taken) as source:
        source.start()
        wait_for(lambda: not (tmp_path / "a.json").exists(), "the file is taken")
    assert values(taken) == [1, 2]


def test_links_are_not_followed_and_bad_lines_cost_themselves(tmp_path, caplog):
    secret = tmp_path / "secret"
    secret.write_text(level(9), encoding="utf-8")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "link.json").symlink_to(secret)
    put(inbox / "a.json", f'{level(1)}\n{{"type":"level","metric":"粤B12345"\n{level(2)}\n')
    taken = Taken()
    with folder(inbox, taken) as source:
        source.start()
        wait_for(lambda: not (inbox / "a.json").exists(), "the file is taken")
        assert (source.taken, source.refused) == (1, 1)
    assert values(taken) == [1, 2]
    assert secret.exists()
    assert (inbox / "link.json").is_symlink()
    assert "a.json, line 2 refused" in caplog.text
    assert "12345" not in caplog.text


def test_each_file_is_one_message_of_a_codec(tmp_path):
    taken = Taken()
    (tmp_path / "a.json").write_bytes(b'{"contact":true}')
    with folder(tmp_path, taken, codec="zigbee2mqtt") as source:
        source.start()
        wait_for(lambda: not (tmp_path / "a.json").exists(), "the file is taken")
    assert taken.messages == [("zigbee2mqtt", "a.json", b'{"contact":true}')]


def test_a_file_that_cannot_be_taken_away_is_taken_once_and_told(tmp_path, monkeypatch):
    taken = Taken()
    put(tmp_path / "a.json", level(1))

    def refuse(path):
        raise PermissionError(13, "not allowed", str(path))

    with folder(tmp_path, taken) as source:
        monkeypatch.setattr(source, "_put_away", refuse)
        source.start()
        wait_for(lambda: "a.json: not allowed" in source.trouble, "it is told")
        (tmp_path / "b.json").write_text(level(2), encoding="utf-8")
        wait_for(lambda: len(values(taken)) == 2, "the next is taken all the same")
    assert values(taken) == [1, 2]


def test_a_folder_that_is_none_is_refused_at_the_start(tmp_path):
    with pytest.raises(ValueError, match="is no folder; expected one that exists"):
        folder(tmp_path / "none", Taken())


# -- pins --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pins(monkeypatch):
    gpiozero = pytest.importorskip("gpiozero", reason="the extra gpio is not installed")
    mock = pytest.importorskip("gpiozero.pins.mock")
    factory = mock.MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_a_contact_is_said_at_the_start_and_when_it_changes_and_pulses_are_counted(pins):
    from ingest.edge.sources.gpio import GpioSource

    taken = Taken()
    door = PinPart(pin=17, device="door-1", metric="door", bounce_s=0)
    mat = PinPart(pin=27, device="mat-1", counts="in", bounce_s=0)
    with closing(GpioSource(GpioPart(pins=(door, mat)), "gpio-1", taken)) as source:
        source.start()
        wait_for(lambda: taken.said["door-1"], "what the door is is said at the start")
        pins.pin(17).drive_low()
        for _ in range(3):
            pins.pin(27).drive_low()
            pins.pin(27).drive_high()
        pins.pin(17).drive_high()
        wait_for(lambda: len(taken.said["door-1"]) == 3 and len(taken.said["mat-1"]) == 3, "all changes are said")
    assert [(one.metric, one.value) for one in taken.said["door-1"]] == [
        ("door", "open"), ("door", "closed"), ("door", "open"),
    ]  # fmt: skip
    assert all(isinstance(one, State) for one in taken.said["door-1"])
    assert [(type(one), one.in_, one.out) for one in taken.said["mat-1"]] == [(Count, 1, 0)] * 3


def test_two_settings_for_one_pin_are_refused(pins):
    from ingest.edge.sources.gpio import GpioSource

    one = PinPart(pin=17, device="door-1", metric="door")
    with pytest.raises(ValueError, match=r"gpio-1: pin 17: .*expected a pin of this machine that is free"):
        GpioSource(GpioPart(pins=(one, one)), "gpio-1", Taken())
    with closing(GpioSource(GpioPart(pins=(one,)), "gpio-1", Taken())) as source:
        source.start()


def test_a_machine_without_pins_is_told_at_the_start(monkeypatch):
    gpiozero = pytest.importorskip("gpiozero", reason="the extra gpio is not installed")
    from ingest.edge.sources.gpio import GpioSource

    def missing():
        raise gpiozero.BadPinFactory("unable to load any pin factory")

    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setattr(gpiozero.Device, "_default_pin_factory", missing)
    with pytest.raises(ValueError, match="expected a Raspberry Pi with the package lgpio"):
        GpioSource(GpioPart(pins=(PinPart(pin=4, device="door-1", metric="door"),)), "gpio-1", Taken())


# -- serial ports ------------------------------------------------------------------------------------------------------


def test_lines_of_a_serial_port_also_after_its_cable_was_out(tmp_path):
    pytest.importorskip("serial", reason="the extra serial is not installed")
    from ingest.edge.sources.serial_port import SerialSource

    taken, link = Taken(), tmp_path / "port"
    with closing(SerialSource(SerialPart(port=str(link), device="cam-1"), "serial-1", taken)) as source:
        source.start()
        wait_for(lambda: "No such file" in source.trouble, "a cable that is not in is told")
        for value in (1, 2):
            ours, theirs = os.openpty()
            termios.tcflush(theirs, termios.TCIOFLUSH)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(theirs))
            wait_for(lambda: source.up, "the port is open")
            os.write(ours, f"{level(value)}\n".encode())
            wait_for(partial(has, taken, value), "the line is taken")
            os.close(ours)
            os.close(theirs)
            wait_for(lambda: not source.up, "a cable that is out is told")
    assert values(taken) == [1, 2]
    assert all(isinstance(one, Level) for one in taken.said["cam-1"])


# -- lines -------------------------------------------------------------------------------------------------------------


def test_a_line_that_is_too_long_is_cut_and_the_next_is_whole():
    lines = Lines()
    found = []
    for piece in (b"x" * MOST_BYTES, b"y" * 10, b"z" * MOST_BYTES, b"z\nnext\n", b"last"):
        found += lines.cut(piece)
    assert [len(line) for line in found] == [MOST_BYTES + 2, 5]
    assert lines.rest() == b"last"


EDGE = """
[agent]
site = "s1"
folder = "kept"
[broker]
port = {port}
[[devices]]
device = "cam-1"
beat = "b1"
[[sources]]
kind = "stdin"
device = "cam-1"
"""


def test_standard_input_ends_the_agent_and_what_waits_is_told(tmp_path):
    (tmp_path / "edge.toml").write_text(EDGE.format(port=1), encoding="utf-8")
    command = [sys.executable, "-m", "console.cli", "edge", "run", "--config", str(tmp_path / "edge.toml")]
    lines = f"{level(1)}\nnonsense\n{level(2)}".encode()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        threading.Thread(target=lambda: ends_soon(process, tmp_path / "kept")).start()
        _, said = process.communicate(lines, timeout=60)
    assert process.returncode == 1
    assert b"the rest goes out at the next start" in said
    assert b"stdin-1: refused" in said


def ends_soon(process, folder):
    """End it when both lines are in its spool: it would wait for the broker."""
    wait_for(lambda: b'"value":2.0' in b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file()), "both")
    process.terminate()


# -- brokers beside it -------------------------------------------------------------------------------------------------


def bound(match, codec="zigbee2mqtt"):
    return Binding(codec, "door-1", match)


@pytest.mark.parametrize(
    ("settings", "bindings", "found"),
    [
        ({"codecs": ("zigbee2mqtt",)}, [bound("zigbee2mqtt/door")], [("zigbee2mqtt/#", "zigbee2mqtt")]),
        ({"codecs": ("zigbee2mqtt",)}, [bound("home/door")],
         [("home/door", "zigbee2mqtt"), ("home/door/#", "zigbee2mqtt"), ("zigbee2mqtt/#", "zigbee2mqtt")]),
        ({"codecs": ("zigbee2mqtt",), "topics": ("z/#",)}, [bound("home/door")], [("z/#", "zigbee2mqtt")]),
    ],
)  # fmt: skip
def test_topics_that_are_bound_are_subscribed_to_beside_the_usual_ones(settings, bindings, found):
    assert routes(MqttPart(**settings), bindings) == found


@pytest.mark.parametrize(
    ("topic", "codec"),
    [
        ("porch/status", "shelly"),
        ("node/status", "esphome"),
        ("unknown/status", "esphome"),
        ("shellies/x/relay/0", "shelly"),
        ("elsewhere", None),
    ],
)
def test_a_topic_of_two_dialects_goes_to_the_one_to_which_it_is_bound(topic, codec):
    settings = MqttPart(codecs=("esphome", "shelly"))
    bindings = [bound("porch", "shelly"), bound("node/binary_sensor/door/state", "esphome")]
    source = MqttSource(settings, "mqtt-1", Taken(), bindings, "edge-1")
    assert source._codec(topic) == codec
    source.close()
