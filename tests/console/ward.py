"""A station that the doctor finds well, and what can be broken in it, one by one.

The same table is used twice: the doctor must name each thing (tests/console/test_doctor.py), and `patrolgrid up` must
not start where the table says so (tests/field/test_doctor_and_up.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from console.people.people import People, Person
from deploy.processes.broker import mosquitto_command, write_mosquitto
from deploy.processes.supervisor import Supervisor, listening
from deploy.settings.load import toml
from simulators.world.neighbourhood import QUARTER
from tests.support import free_port, require_program

SITE = "s1"
PASSWORDS = {"node": "node-secret", "board": "board-secret"}


class Hospital:
    """A Mosquitto with the shipped configuration and its two accounts, for as long as its supervisor lives."""

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        self.port = free_port()
        passwd = require_program("mosquitto_passwd", "run: make services")
        self.conf = write_mosquitto(folder, self.port, anonymous=False)
        known = folder / "patrolgrid.passwd"
        for number, (name, password) in enumerate(PASSWORDS.items()):
            more = ["-b"] if number else ["-c", "-b"]
            subprocess.run([passwd, *more, str(known), name, password], check=True, capture_output=True)
        supervisor.start("broker", mosquitto_command(self.conf), ready=lambda: listening("127.0.0.1", self.port))


class Ward:
    """A station's folder. `sections` are its settings; `write` writes them."""

    def __init__(self, folder: Path, hospital: Hospital) -> None:
        self.folder, self.hospital, self.site = folder, hospital, folder / "data" / SITE
        self.config, self.places = folder / "patrolgrid.toml", folder / "places.geojson"
        self.keys = folder / "data.keys" / SITE
        self.site.mkdir(parents=True)
        shutil.copyfile(QUARTER, self.places)
        for name, password in PASSWORDS.items():
            self.secret(name, password)
        self.sections: dict[str, dict[str, Any]] = {
            "site": {"id": SITE, "places": "places.geojson", "language": "en", "country": ""},
            "data": {"dir": "data"},
            "log": {"min_free_mb": 0, "max_mb": 16},
            "broker": {"port": hospital.port, "username": "node", "password_file": "node.password"},
            "board": {"port": free_port(), "broker_username": "board", "broker_password_file": "board.password"},
        }
        self.write()

    def secret(self, name: str, content: str) -> Path:
        path = self.folder / f"{name}.password"
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)
        return path

    def key(self, name: str, content: str, mode: int = 0o600) -> Path:
        self.keys.mkdir(parents=True, exist_ok=True)
        path = self.keys / name
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
        return path

    def set(self, section: str, **keys: object) -> None:
        self.sections.setdefault(section, {}).update(keys)
        self.write()

    def boards_account(self) -> dict[str, str]:
        return {"username": "board", "password_file": "board.password"}

    def write(self) -> None:
        self.config.write_text(
            "".join(
                f"[{section}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
                for section, keys in self.sections.items()
            ),
            encoding="utf-8",
        )


class Break(NamedTuple):
    """One thing that is broken."""

    do: Callable[[Ward], object]
    check: str
    says: str
    """Part of what the doctor says of it, in English."""
    up: bool = False
    """Whether `patrolgrid up` starts all the same, and says so."""
    state: str = "fail"


def _channels(ward: Ward, text: str) -> None:
    ward.key("channels.toml", text)
    ward.set("telling", rules=["critical @ #chat"])


def _rota(ward: Ward) -> None:
    _channels(ward, "[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = 'http://127.0.0.1:1'\n")
    (ward.folder / "rota.toml").write_text("rules = [\n", encoding="utf-8")
    ward.set("telling", file="rota.toml")


def _people_gone(ward: Ward) -> None:
    people = People(ward.site)
    with closing(people.file):
        people.add(Person(id="li", name="Li", role="duty"), "cli:test")
        people.link("li", "password", 60, by="cli:test")
    (ward.site / "people.db").unlink()


def _foreign(ward: Ward) -> None:
    path = ward.site / "delivered.json"
    path.write_text("{}", encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(path, 12_345, 12_345)
    path.chmod(0o400)


def _future(ward: Ward) -> None:
    path = ward.site / "status.json"
    path.write_text("{}", encoding="utf-8")
    os.utime(path, (time.time() + 7_200,) * 2)


def _silent(ward: Ward) -> None:
    people = People(ward.site)
    with closing(people.file):
        people.add(Person(id="wu", name="Wu", role="partner"), "cli:test")


def _short_queue(ward: Ward) -> None:
    text = ward.hospital.conf.read_text(encoding="utf-8")
    ward.hospital.conf.write_text(text.replace("max_queued_messages 1000000", "max_queued_messages 1000"), "utf-8")


def _nobody() -> str:
    return f"127.0.0.1:{free_port()}"


BREAKS = {
    "a key that there is not": Break(lambda w: w.set("site", idd="x"), "settings", "there is no key site.idd"),
    "a zone that nobody knows": Break(lambda w: w.set("site", timezone="Mars/Dunes"), "settings", "Mars/Dunes"),
    "no places file": Break(lambda w: w.places.unlink(), "places", "no places file at"),
    "a coordinate beyond the pole": Break(
        lambda w: w.places.write_text(w.places.read_text("utf-8").replace("31.2", "231.2"), "utf-8"),
        "places", "expected [lon, lat] in degrees",
    ),
    "a calendar file that is not there": Break(
        lambda w: w.set("calendar", file="days.ics"), "calendar", "days.ics", up=True
    ),
    "the broker is away": Break(lambda w: w.set("broker", port=free_port()), "broker", "cannot be reached", up=True),
    "a wrong password of the node": Break(
        lambda w: w.secret("node", "guessed"), "broker", "refuses: the broker refused the connection", up=True
    ),
    "a wrong password of the board": Break(
        lambda w: w.secret("board", "guessed"), "broker", "refuses: the broker refused the connection", up=True
    ),
    "the node has the board's account": Break(
        lambda w: (w.sections["broker"].update(w.boards_account()), w.write()),
        "broker", "does not hear what it publishes", up=True,
    ),
    "a password file that is not there": Break(
        lambda w: (w.folder / "node.password").unlink(), "secrets", "node.password is not there"
    ),
    "a password file that is empty": Break(
        lambda w: w.secret("node", ""), "secrets", "node.password is empty", up=True
    ),
    "an authority that is not there": Break(
        lambda w: w.set("broker", tls=True, tls_ca="ca.crt"), "secrets", "ca.crt"
    ),
    "a damaged plate key": Break(lambda w: w.key("plates.key", '{"keys":'), "secrets", "plates.key"),
    "a command key that others may read": Break(
        lambda w: w.key("commands.key", "{}", 0o644), "secrets", "lets others read it"
    ),
    "a board that is open to everybody": Break(
        lambda w: w.set("board", host="0.0.0.0"), "reach", "would be open to others on 0.0.0.0", up=True  # noqa: S104
    ),
    "a board on an address of another machine": Break(
        lambda w: w.set("board", host="192.0.2.1", fenced=True), "ports", "nobody can listen on 192.0.2.1", up=True
    ),
    "a board's certificate that is none": Break(
        lambda w: w.set("board", tls_cert=str(w.secret("cert", "junk")), tls_key=str(w.secret("key", "junk"))),
        "reach", "is no certificate that can be read", up=True,
    ),
    "accounts that are damaged": Break(
        lambda w: (w.site / "people.db").write_bytes(b"junk" * 4_000), "reach", "people.db", up=True
    ),
    "accounts that are gone": Break(_people_gone, "reach", "people.db: is not there", up=True),
    "nobody may acknowledge": Break(_silent, "reach", "none of them may acknowledge", up=True, state="warn"),
    "a damaged store": Break(
        lambda w: (w.site / "store.db").write_bytes(b"junk" * 4_000), "files", "store.db", up=True
    ),
    "a file of another user": Break(_foreign, "files", "delivered.json", up=True),
    "a folder where the settings go": Break((lambda w: (w.site / "node.toml").mkdir()), "files", "node.toml"),
    "results to a folder that is not there": Break(
        lambda w: w.set("sinks", jsonl="nowhere/out.jsonl"), "files", "nowhere/out.jsonl", up=True
    ),
    "the data folder is a file": Break(
        lambda w: (shutil.rmtree(w.folder / "data"), (w.folder / "data").write_text("x", "utf-8")),
        "disk", "cannot be written to",
    ),
    "a clock that was set back": Break(_future, "clock", "it was set back", up=True),
    "channels that are no TOML": Break(
        lambda w: _channels(w, "[chat\n"), "deliver", "channels.toml: not TOML", up=True
    ),
    "a rule to a channel that there is not": Break(
        lambda w: _channels(w, "[hook]\nkind = 'webhook'\nwhere = 'inside'\nurl = 'http://127.0.0.1:1/x'\n"),
        "deliver", "chat", up=True,
    ),
    "a rota that is no TOML": Break(_rota, "deliver", "rota.toml", up=True),
    "a chat server that is away": Break(
        lambda w: _channels(
            w, f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = 'http://{_nobody()}'\n"
        ),
        "channels", "cannot be reached: nobody listens there", up=True,
    ),
    "InfluxDB is away": Break(
        lambda w: w.set("influx", url=f"http://{_nobody()}", version="1"), "influx", "cannot be reached", up=True
    ),
    "Grafana is away": Break(
        lambda w: w.set("grafana", url=f"http://{_nobody()}"), "grafana", "cannot be reached", up=True
    ),
    "Kafka is away": Break(lambda w: w.set("kafka", bootstrap=_nobody()), "kafka", "Kafka at 127.0.0.1", up=True),
    "a broker that forgets": Break(_short_queue, "queue", "max_queued_messages 1000", up=True, state="warn"),
}  # fmt: skip
"""What is broken → how, and who must say so. The last one changes the broker's file, which all share."""
