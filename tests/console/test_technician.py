"""docs/technician.md, word for word: from the station's authority to a door sensor and a counter on the board.

As in `tests.console.test_real_station` only what would change this machine is played. The Pi is a folder, its Mosquitto
another one, and addresses and ports are of this machine. Between two steps the test waits as a person does.
"""

import re
import ssl
from contextlib import closing
from functools import partial

import httpx
import pytest

from stream.sinks.store.reader import StoreReader
from tests.console.test_real_station import ROOT, Station
from tests.ingest.brokers import Broker
from tests.support import free_port, require_program, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("technician")]
PAGES = ("technician.md", "technician.zh-CN.md")
_BLOCK = re.compile(r"^<!-- (at the station|on the Pi) -->\n```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"^count\(\) \{.*?^\}\n", flags=re.MULTILINE | re.DOTALL)
STEPS = _BLOCK.findall((ROOT / "docs" / PAGES[0]).read_text(encoding="utf-8"))
UNIT = """
[Service]
Type=notify
ExecStart={folder}/programs/patrolgrid edge run --config {folder}/pi/edge.toml
WorkingDirectory={folder}/pi
"""
PUBLISH = """
from paho.mqtt.publish import single
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
single(given["-t"], given["-m"], qos=int(given["-q"]), port={port})
"""


class Street(Station):
    """A station, and a Pi beside its devices."""

    def __init__(self, folder):
        super().__init__(folder)
        self.beside, self.camera_port = Broker("mosquitto", 3, folder / "beside"), free_port()
        self.pi = folder / "pi"
        self.pi.mkdir()
        self._program(folder / "programs" / "patrolgrid", "from console.cli.main import main\nsys.exit(main())\n")
        self._program(folder / "programs" / "mosquitto_pub", PUBLISH.format(port=self.beside.port))
        (self.units / "patrolgrid-edge.service").write_text(UNIT.format(folder=folder), encoding="utf-8")
        self.functions = ""
        self.parts = ("patrolgrid-edge", *self.parts)

    def begin(self):
        """Make and start the station, as README does."""
        return self.type(
            """
            .venv/bin/patrolgrid init station --yes --site=station-1 --at=121.467,31.233 --address 127.0.0.1
            sudo cp station/systemd/*.service /etc/systemd/system/
            sudo systemctl enable --now patrolgrid-broker patrolgrid
            """
        )

    def at_the_station(self, script):
        """Type a step: all of them are one session."""
        session = "export PATROLGRID_CONFIG=$PWD/station/patrolgrid.toml\n"
        return self.type(session + script.replace("10.1.2.3", "127.0.0.1"))

    def beside_devices(self, script, tickets):
        """Type a step on the Pi, where `count` is what it was."""
        self.functions += "".join(_FUNCTION.findall(script))
        script = self.functions + _FUNCTION.sub("", script)
        for word, meant in (
            *zip(("TICKET-OF-HALL-DOOR", "TICKET-OF-HALL-COUNT"), tickets, strict=True),
            ("/var/lib/patrolgrid-edge", str(self.folder / "kept")),
            ('codecs = ["zigbee2mqtt"]', f'codecs = ["zigbee2mqtt"]\nport = {self.beside.port}'),
            ('host = "192.168.7.2"', f'host = "127.0.0.1"\nport = {self.camera_port}'),
            ("192.168.7.2:8480", f"127.0.0.1:{self.camera_port}"),
        ):
            script = script.replace(word, meant)
        return self.type(f"cd pi\n{script}")

    def reader(self):
        return closing(StoreReader(self.folder / "station" / "data" / "station-1" / "store.db"))

    def hears_everything(self):
        """Tell whether the agent's log says that it hears the broker beside it."""
        log = (self.units / "patrolgrid-edge.log").read_text("utf-8")
        return re.search(r"session patrolgrid-edge-station-1-hall-door-1 at \S+: connected", log)

    def goes_by(self, settings):
        """Tell whether the agent has said so at the station."""
        with self.reader() as reader:
            return [one["settings"] for one in reader.agents()] == [settings]

    def waiting(self, count):
        with self.reader() as reader:
            return len(reader.strangers()) == count

    def stop(self):
        super().stop()
        self.beside.stop()


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    require_program("mosquitto", "run `make services`")
    require_program("curl", "install curl")
    here = Street(tmp_path_factory.mktemp("street"))
    try:
        yield here
    finally:
        here.stop()


@pytest.fixture(scope="module")
def shown(street):
    """Type the page from its beginning to its end; return what each step has shown."""
    found, tickets = [street.begin()], ("", "")
    for place, script in STEPS:
        if place == "on the Pi":
            found.append(street.beside_devices(script, tickets))
        else:
            if " approve " in script:
                wait_for(partial(street.waiting, 1 + ("hall-count" in script)), street.logs)
            found.append(street.at_the_station(script))
        tickets = tuple(re.findall(r"edge claim (PG1/\S+)", found[-1])) or tickets
        if "enable --now patrolgrid-edge" in script:
            wait_for(street.hears_everything, street.logs)
        if "--places" in script:
            wait_for(partial(street.goes_by, 1), street.logs)
    return found


@pytest.fixture(scope="module")
def board(street, shown):
    """Come in by the link that `init` printed."""
    address = f"https://127.0.0.1:{street.board_port}"
    (token,) = re.findall(rf"{address}/go#(\S+)", shown[0])
    trusted = ssl.create_default_context(cafile=str(street.folder / "station" / "mosquitto" / "ca.crt"))
    with httpx.Client(base_url=address, headers={"X-PatrolGrid": "1"}, timeout=30, verify=trusted) as client:
        assert client.post("/api/link", json={"token": token}).status_code == 200
        assert client.post("/api/password", json={"new": "a river in the fog"}).status_code == 200
        yield client


def test_the_sensor_and_the_counter_are_on_the_board(street, board):
    def door():
        return board.get("/api/device/hall-door").json().get("states")

    def counted():
        page = board.get("/api/device/hall-count")
        series = page.json()["series"] if page.is_success else []
        return [(row["in"], row["out"]) for one in series for row in one["windows"]]

    assert [row["value"] for row in wait_for(door, street.logs)] == ["open"]
    assert wait_for(counted, street.logs) == [(21, 17)]
    names = {one["id"]: one["name"]["en"] for one in board.get("/api/site").json()["devices"]}
    assert (names["hall-door"], names["hall-count"]) == ("Hall door", "Hall counter")


def test_the_agent_is_known_and_goes_by_the_stations_settings(board, shown):
    agent = board.get("/api/device/hall-door").json()["agent"]
    assert (agent["devices"], agent["settings"], agent["troubles"]) == (["hall-door", "hall-count"], 1, [])
    assert "settings 1 were sent last; the agent goes by settings 1" in shown[-1]


def test_what_waits_is_shown_with_a_guess_and_no_longer_when_it_is_bound(shown):
    first, second = (text for text in shown if "is a part of" in text)
    assert re.search(r"1 +zigbee2mqtt +zigbee2mqtt/hall +door", first)
    assert re.search(r"1 +hikvision +/hik/hall +camera", second)
    assert "zigbee2mqtt" not in second
    assert "bound to no device" not in shown[-1]


def test_a_code_that_was_used_is_refused(street, shown):
    (ticket, *_) = re.findall(r"edge claim (PG1/\S+)", "".join(shown))
    with pytest.raises(AssertionError, match="used"):
        street.type(f"cd pi\npatrolgrid edge claim --config other.toml {ticket}")


def test_the_chinese_page_says_the_same():
    text = (ROOT / "docs" / PAGES[1]).read_text(encoding="utf-8")
    chinese = re.findall(r"^<!-- (在本站|在树莓派上) -->\n```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert [_bare(script) for _, script in chinese] == [_bare(script) for _, script in STEPS]
    places = {"在本站": "at the station", "在树莓派上": "on the Pi"}
    assert [places[place] for place, _ in chinese] == [place for place, _ in STEPS]


def _bare(block):
    """Return a block's commands without comments and names of things."""
    return re.sub(r'--name ".*?"', "", re.sub(r"(?m)\s+# .*$", "", block))
