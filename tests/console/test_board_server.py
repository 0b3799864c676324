"""The board as a process: a taken port, a real address, a stream of events, and a clean end."""

import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from console.board.board_config import BoardConfig, BoardConfigError, load_config
from console.board.server import address, listen, serve
from ingest.login import BrokerAddress
from tests.console.stores import SITE, Node
from tests.stream import make_results as make
from tests.support import free_port, wait_for


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    made.fill()
    yield made
    made.close()


def configuration(node, folder, **more):
    file = folder / "board.json"
    usual = {
        "store_path": str(node.store_path),
        "places_path": str(node.places_path),
        "site": SITE,
        "broker": {"port": free_port()},
        "port": 0,
        "address_file": str(folder / "address"),
    }
    file.write_text(json.dumps(usual | more), encoding="utf-8")
    return file


def test_an_answer_does_not_wait_for_an_acknowledgement_of_its_first_part():
    with listen("127.0.0.1", 0) as sock:
        assert sock.proto == socket.IPPROTO_TCP  # asyncio switches Nagle's algorithm off for these alone


def test_a_board_process_steps_around_a_taken_port_streams_and_stops(node, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = configuration(node, tmp_path, port=port)
        command = [sys.executable, "-m", "console.board", "--config-json", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            told = tmp_path / "address"
            wait_for(lambda: told.exists() or process.poll() is not None, "the board tells its address")
            url = told.read_text(encoding="utf-8").strip()
            assert f":{port}/" not in url
            with httpx.stream("GET", f"{url}api/events", timeout=60) as stream:
                lines = stream.iter_lines()
                first = next(line for line in lines if line.startswith("data:"))
                assert [alert["id"] for alert in json.loads(first[5:])["alerts"]] == ["al-1"]
                node.write(alerts=[make.alert("al-2", 1)])
                pushed = (json.loads(line[5:]) for line in lines if line.startswith("data:"))
                assert any(len(look.get("alerts", [])) == 2 for look in pushed)
                process.send_signal(signal.SIGTERM)  # with the stream still open
                output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, errors
    assert url in output
    assert "Traceback" not in errors


def test_a_configuration_error_names_file_and_key(node, tmp_path):
    file = configuration(node, tmp_path, portt=1)
    with pytest.raises(BoardConfigError, match=r"board\.json.*portt"):
        load_config(file)
    with pytest.raises(BoardConfigError, match=r"timezone is 'Mars/Base', expected an IANA name"):
        load_config(configuration(node, tmp_path, timezone="Mars/Base"))
    with pytest.raises(BoardConfigError, match=r"board\.json"):
        load_config(tmp_path / "none" / "board.json")
    done = subprocess.run(
        [sys.executable, "-m", "console.board", "--config-json", str(configuration(node, tmp_path, port="x"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_places_that_are_wrong_keep_the_board_from_starting(node, tmp_path, capsys):
    node.places_path.write_text("{}", encoding="utf-8")
    config = BoardConfig(
        store_path=str(node.store_path),
        places_path=str(node.places_path),
        site=SITE,
        broker=BrokerAddress(port=free_port()),
        port=0,
    )
    assert serve(config) == 1
    assert "places.geojson" in capsys.readouterr().err


def test_password_comes_from_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hush\n", encoding="utf-8")
    file = tmp_path / "board.json"
    usual = {
        "store_path": "s",
        "places_path": "p",
        "site": SITE,
        "broker": {"port": 1883, "password_file": str(secret)},
    }
    file.write_text(json.dumps(usual), encoding="utf-8")
    assert load_config(file).login().secret() == "hush"
    secret.unlink()
    with pytest.raises(ValueError, match="password_file"):
        load_config(file).login().secret()


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("0.0.0.0", "http://127.0.0.1:80/"), ("::", "http://[::1]:80/")],  # noqa: S104 - nothing is bound
)
def test_addresses_that_a_browser_can_open(host, url):
    assert address(host, 80) == url


def test_a_host_that_is_not_this_machines_is_an_error():
    with pytest.raises(OSError):
        listen("192.0.2.1", 8060)
