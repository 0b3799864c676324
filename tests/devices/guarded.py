"""A station as `patrolgrid init` makes it, with its Mosquitto, its desk for codes, and clients that try the doors."""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from console.cli.main import main
from console.devices.claim_book import CLAIMS, ClaimBook, give_out
from console.devices.claim_desk import ClaimDesk
from console.devices.credentials import Credentials
from console.people.people import People
from deploy.processes import listening
from deploy.processes.broker import mosquitto_command
from deploy.settings import load_settings
from ingest.health import AgentReport
from ingest.places import load_places
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make
from tests.support import free_port, require_program, wait_for

HOST = "127.0.0.2"


class Guarded:
    """The station; `start` and `stop` its broker, `end` everything."""

    def __init__(self, folder: Path) -> None:
        require_program("mosquitto", "run `make services`")
        self.folder, self.log = folder / "station", folder / "mosquitto.log"
        self.ports = {name: free_port() for name in ("node", "local", "certificates", "passwords")}
        port = str(self.ports["node"])
        made = ["init", str(self.folder), "--yes", "--site", "s", "--timezone", "Asia/Shanghai", "--lang", "en"]
        assert main([*made, "--address", HOST, "--broker-port", port]) == 0
        self.settings = load_settings(self.folder / "patrolgrid.toml", {})
        self.credentials = Credentials.of(self.settings)
        self._own_ports()
        self.people = People(self.settings.site_dir)
        self.book = ClaimBook(self.settings.plate_key_file.with_name(CLAIMS))
        self._reports = 0
        self.start()
        self.begin_desk()

    def begin_desk(self) -> None:
        self.desk = ClaimDesk(
            "s", self.credentials, self.book, places=lambda: load_places(self.settings.places_file),
            keys_of=lambda device: (f"settings-{device.id}", "seal1:…"), login=self.settings.people_login(),
            audit=self.people.audit,
        )  # fmt: skip
        self.desk.start()
        wait_for(lambda: self.desk.up, "the desk listens")

    def _own_ports(self) -> None:
        """Let the broker listen on ports that nobody else has: `init` counts upwards from the first."""
        conf = self.credentials.station.broker / "patrolgrid.conf"
        text = conf.read_text("utf-8")
        node = self.ports["node"]
        for name, shift in (("local", 1), ("passwords", 2), ("certificates", 3)):
            text = re.sub(rf"^listener {node + shift} ", f"listener {self.ports[name]} ", text, flags=re.MULTILINE)
        conf.write_text(text, "utf-8")

    def start(self) -> None:
        conf = self.credentials.station.broker / "patrolgrid.conf"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(mosquitto_command(conf), stderr=log, stdout=log)
        doors = [
            (HOST if name in {"certificates", "passwords"} else "127.0.0.1", self.ports[name]) for name in self.ports
        ]
        pid = self.credentials.station.broker / "mosquitto.pid"
        wait_for(lambda: all(listening(*door) for door in doors) and pid.exists(), "Mosquitto answers")

    def end(self) -> None:
        self.desk.stop()
        self.process.terminate()
        self.process.wait(30)
        self.people.file.close()

    def report(self, report: AgentReport) -> None:
        """Let the store have what an agent says."""
        self._reports += 1
        with closing(StoreSink(self.settings.site_dir / "store.db", "s")) as sink:
            sink.write([make.results(self._reports, agents=[report])])

    def said(self) -> str:
        """What Mosquitto has said so far."""
        return self.log.read_text("utf-8", "replace")

    def audited(self, what: str) -> list:
        return [one for one in self.people.audit.entries() if one.what == what]

    def ticket(self, device: str, hours: float = 1.0):
        """A code for a device; the broker knows it when this returns."""
        return give_out(self.credentials, self.book, "s", device, hours)[0]

    def password(self, device: str) -> str:
        return self.credentials.password_file(device).read_text().strip()

    def client(self, account: str, password: str = "", *, client_id: str = "", chain: tuple | None = None) -> Visitor:
        """A client of the network: with a password, or with a certificate and its key."""
        return Visitor(self, account, password, client_id or account, chain)

    def certified(self, device: str) -> Visitor:
        """A client with the certificate that the device was given."""
        chain = self.credentials.certificates.certificate(device), self.credentials.certificates.key(device)
        return self.client(device, chain=chain)


class Visitor:
    """An MQTT 5 client at one of the doors; MQTT 5, because it tells what was refused."""

    def __init__(self, station: Guarded, account: str, password: str, client_id: str, chain: tuple | None) -> None:
        self.station, self.why, self.heard = station, "", []
        self.certificates = chain is not None
        self._up, self._down, self._subscribed = (threading.Event() for _ in range(3))
        self._codes: dict[int, str] = {}
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        context = ssl.create_default_context(cafile=station.credentials.station.broker / "ca.crt")
        if chain:
            context.load_cert_chain(*chain)
        self._client.tls_set_context(context)
        if password:
            self._client.username_pw_set(account, password)
        self._client.on_connect = self._connected
        self._client.on_disconnect = lambda *_: self._down.set()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._codes.__setitem__(mid, str(reason))
        self._client.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))

    def _connected(self, _client, _userdata, _flags, reason, _properties) -> None:
        if reason.is_failure:
            self.why = str(reason)
        else:
            self._up.set()

    def let_in(self) -> bool:
        """Try the door; tell whether it opened, and go away again."""
        opened = self.connect()
        self.leave()
        return opened

    def connect(self, *, certificates: bool | None = None) -> bool:
        """Connect and stay; `why` says why not."""
        door = "certificates" if (self.certificates if certificates is None else certificates) else "passwords"
        try:
            self._client.connect(HOST, self.station.ports[door])
        except OSError as error:
            self.why = str(error)
            return False
        self._client.loop_start()
        wait_for(lambda: self._up.is_set() or self._down.is_set(), "an answer")
        if not self._up.is_set():
            self.why = self.why or "the handshake was refused"
            return False
        # In TLS 1.3 a client is connected before the server has looked at its certificate; a CONNACK came behind it.
        return True

    @property
    def ended(self) -> bool:
        return self._down.is_set()

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> str:
        """Publish, and return what the broker says to it."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        wait_for(lambda: info.mid in self._codes or self.ended, "an answer")
        return self._codes.get(info.mid, "disconnected")

    def subscribe(self, topic: str) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic, qos=1)
        assert self._subscribed.wait(30)

    def leave(self) -> None:
        with suppress(OSError):
            self._client.disconnect()
        self._client.loop_stop()
