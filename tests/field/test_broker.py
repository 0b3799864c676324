"""A broker that forgets, topics that are no text, two clients of one id."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from deploy.processes.supervisor import listening
from tests.field.station import BEAT, SITE, Station, now_ms
from tests.support import wait_for


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_broker_that_keeps_nothing_is_killed_and_comes_back(protocol, tmp_path):
    with Station(tmp_path, ["cam-1"], toml=f'protocol = "{protocol}"\n') as site:
        site.broker(persistence="false").node()
        site.count("cam-1", 1, 0, 1)
        site.counted("cam-1", (1, 1, 0))
        command = site.children["broker"].args
        assert isinstance(command, list)
        site.end("broker", signal.SIGKILL)
        wait_for(lambda: site.status().get("connected") is False, "the node sees it")
        site.start("broker", command)
        wait_for(lambda: listening("127.0.0.1", site.port), "the broker is back")
        wait_for(lambda: site.status().get("connected") is True, "the node is back")
        site.count("cam-1", 1, 0, 2)
        site.counted("cam-1", (2, 2, 0))


def test_topics_that_are_no_text_stop_nothing(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        site.count("cam-1", 1, 0, 1)
        body = json.dumps({"type": "count", "ts": now_ms(), "interval_s": 1, "in": 1, "seq": 9, "boot": "b"}).encode()
        for name in (b"cam\xff\xfe", b"\xed\xa0\x80", b"cam\x00-1", "相机-1".encode(), b"cam 1", b"c" * 300):
            _publish_raw(site.port, f"patrolgrid/v1/{SITE}/{BEAT}/".encode() + name + b"/obs", body)
        site.count("cam-1", 1, 0, 2)
        site.counted("cam-1", (2, 2, 0))


def _publish_raw(port: int, topic: bytes, payload: bytes) -> None:
    head = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x03raw"
    content = len(topic).to_bytes(2, "big") + topic + b"\x00\x01" + payload
    assert len(content) < 16_384
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"\x10" + bytes((len(head),)) + head)
        sock.recv(4)
        length = bytes((len(content) & 127 | 128, len(content) >> 7)) if len(content) > 127 else bytes((len(content),))
        sock.sendall(b"\x32" + length + content)
        sock.settimeout(5)
        try:
            sock.recv(4)  # an acknowledgement, or the end of the connection
        except OSError:
            return


def test_two_edge_agents_cloned_from_one_card(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        agents = []
        for number in (0, 1):
            command = [sys.executable, "-m", "console.cli", "edge", "--site", SITE, "--beat", BEAT, "--device", "cam-1"]
            command += ["--spool", str(tmp_path / f"edge{number}" / "spool.db"), "--broker", f"127.0.0.1:{site.port}"]
            site.start(f"edge{number}", [*command, "--json", "--flush-s", "20"], stdin=subprocess.PIPE)
            agents.append(site.children[f"edge{number}"])
        for _ in range(60):
            for number, agent in enumerate(agents):
                assert agent.stdin is not None
                agent.stdin.write(f'{{"type":"count","interval_s":1,"in":{1 - number},"out":{number}}}\n'.encode())
                agent.stdin.flush()
        wait_for(lambda: any("cam-1" in site.log(f"edge{number}") for number in (0, 1)), "the fault is named")
        for agent in agents:
            assert agent.stdin is not None
            agent.stdin.close()
        wait_for(lambda: site.totals().get("cam-1", ())[1:] == (60, 60), "in 60, out 60", 120)
