"""The shipped Mosquitto configuration binds client ids to accounts: nobody takes another's connection or queue."""

from __future__ import annotations

import subprocess
import threading
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import mosquitto_command, write_mosquitto
from deploy.processes.supervisor import Supervisor, listening
from ingest import topics
from ingest.login import BrokerAddress
from ingest.mqtt.session import Session
from tests.support import free_port, require_program, wait_for

GATEWAY = "patrolgrid-gateway-s-0123456789abcdef"
ACCOUNTS = {"patrolgrid.passwd": ["node"], "devices.passwd": ["cam-1", "cam-2", "console", "console-2"]}
OBS = topics.observations("s", "b", "cam-1")


class Station:
    """Mosquitto as shipped, with all its listeners, and certificates for two devices."""

    def __init__(self, folder) -> None:
        require_program("mosquitto", "run: make services")
        passwd = require_program("mosquitto_passwd", "run: make services")
        require_program("openssl", "install it with the system's packages")
        self.folder = folder
        self.node, self.local, self.certificates, self.passwords = (free_port() for _ in range(4))
        ports = {1884: self.local, 8883: self.certificates, 8884: self.passwords}
        config = write_mosquitto(folder, self.node, anonymous=False, ports=ports)
        for file, users in ACCOUNTS.items():
            (folder / file).touch(mode=0o600)
            for user in users:
                subprocess.run([passwd, "-b", str(folder / file), user, f"pw-{user}"], check=True, capture_output=True)
        self._sign("ca", "/CN=station", [])
        by_ca = ["-CA", "ca.crt", "-CAkey", "ca.key"]
        self._sign("server", "/CN=localhost", [*by_ca, "-addext", "subjectAltName=IP:127.0.0.1"])
        for name in ("cam-1", "cam-2", "node"):
            self._sign(name, f"/CN={name}", by_ca)
        self._revoke_nothing()
        self.command = mosquitto_command(config)
        self.supervisor = Supervisor(folder)
        self.start()

    def start(self) -> None:
        ports = self.node, self.local, self.certificates, self.passwords
        self.supervisor.start("broker", self.command, ready=lambda: all(listening("127.0.0.1", port) for port in ports))

    def _sign(self, name, subject, options) -> None:
        """Make a key and its certificate."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", subject, *options],
            check=True, capture_output=True, cwd=self.folder,
        )  # fmt: skip

    def _revoke_nothing(self) -> None:
        """Write the list of revoked certificates that Mosquitto is given."""
        key = load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        authority = x509.load_pem_x509_certificate((self.folder / "ca.crt").read_bytes())
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(authority.subject, now - timedelta(1), now + timedelta(1))
        assert isinstance(key, EllipticCurvePrivateKey)
        (self.folder / "devices.crl").write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))

    def client(self, listener, account, client_id, protocol=mqtt.MQTTv311):
        """Connect, and return the client with the list of its disconnections."""
        made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, reconnect_on_failure=False)
        if listener == self.certificates:
            own = self.folder / f"{account}.crt"
            made.tls_set(str(self.folder / "ca.crt"), str(own), str(own.with_suffix(".key")))
        else:
            made.username_pw_set(account, f"pw-{account}")
            if listener == self.passwords:
                made.tls_set(str(self.folder / "ca.crt"))
        lost, connected = [], threading.Event()
        made.on_connect = lambda *_: connected.set()
        made.on_disconnect = lambda *_: lost.append(1)
        made.connect("127.0.0.1", listener)
        made.loop_start()
        assert connected.wait(60)
        return made, lost

    def gateway(self, heard, protocol="3.1.1"):
        def take(message):
            heard.append(message)
            session.acknowledge(message.connection, [message.mid])

        session = Session(
            self.address(self.node, "node", protocol), GATEWAY,
            filters=[topics.everything("s")], persistent=True, expiry_s=3_600, on_message=take,
        )  # fmt: skip
        return session

    @staticmethod
    def address(port, account, protocol="3.1.1"):
        return BrokerAddress(port=port, username=account, password=f"pw-{account}", protocol=protocol)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    found = Station(tmp_path_factory.mktemp("station"))
    with found.supervisor:
        yield found


def send(client, topic=OBS, payload=b"x", **options):
    client.publish(topic, payload, qos=1, **options).wait_for_publish(60)


def end(*clients):
    for client in clients:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5], ids=["3.1.1", "5"])
@pytest.mark.parametrize("listener", ["local", "passwords", "certificates"])
def test_a_device_takes_nobodys_connection_or_queue(station, listener, protocol):
    port, heard = getattr(station, listener), []
    gateway = station.gateway(heard)
    gateway.connect()
    victim, lost = station.client(port, "cam-2", "cam-2", protocol)
    ids = GATEWAY, "cam-2", "console", "node"
    for client_id in ids:
        thief, _ = station.client(port, "cam-1", client_id, protocol)
        send(thief)
        end(thief)
    wait_for(lambda: gateway.wait(0.05) or len(heard) >= len(ids), "all of them are heard")
    assert (gateway.connections, lost) == (1, [])
    gateway.close()
    device, _ = station.client(port, "cam-1", "cam-1", protocol)
    for number in range(100):
        send(device, payload=b"%d" % number)
    end(device)
    for client_id in (GATEWAY, "cam-2"):
        end(station.client(port, "cam-1", client_id, protocol)[0])
    send(victim, topics.observations("s", "b", "cam-2"))
    waited = []
    gateway = station.gateway(waited)
    gateway.start()
    wait_for(lambda: len({message.payload for message in waited}) == 101, "all that waited is there")
    gateway.close()
    assert lost == []
    end(victim)


def test_programs_on_other_machines_take_nobodys_connection_either(station):
    gateway = station.gateway([])
    gateway.connect()
    device, lost = station.client(station.passwords, "cam-1", "cam-1")
    for client_id in (GATEWAY, "cam-1", ""):
        end(station.client(station.passwords, "console", client_id)[0])
    one, gone = station.client(station.passwords, "console", "x")
    other, _ = station.client(station.passwords, "console-2", "x")
    gateway.wait(0.2)
    assert (gateway.connections, gateway.up, lost, gone) == (1, True, [], [])
    gateway.close()
    end(device, one, other)


@pytest.mark.parametrize("account", ["cam-1", "console"])
def test_no_other_account_is_let_in_where_the_node_is(station, account):
    address = station.address(station.node, account)
    with pytest.raises(ConnectionError, match="Not authorized"):
        Session(address, GATEWAY).connect()


def test_a_certificate_that_calls_itself_node_has_no_rights(station):
    heard = []
    gateway = station.gateway(heard)
    gateway.connect()
    impostor, _ = station.client(station.certificates, "node", GATEWAY)
    send(impostor, topics.commands("s"))
    send(impostor, topics.observations("s", "b", "cam-1"))
    device, _ = station.client(station.certificates, "cam-1", "")
    send(device, payload=b"last")
    wait_for(lambda: gateway.wait(0.05) or heard, "the device is heard")
    assert [message.payload for message in heard] == [b"last"]
    gateway.close()
    end(impostor, device)


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_what_waits_outlives_a_restart_of_the_broker(station, protocol):
    """With settings for each listener Mosquitto has to remember by which one a session, and a message, came."""
    heard = []
    gateway = station.gateway([], protocol)
    gateway.connect()
    gateway.close()
    device, _ = station.client(station.local, "cam-1", "cam-1")
    send(device, payload=b"before")
    send(device, topics.status("s", "b", "cam-1"), b'{"state":"online"}', retain=True)
    end(device)
    station.supervisor.stop("broker")
    station.start()
    device, _ = station.client(station.certificates, "cam-1", "cam-1")
    send(device, payload=b"after")
    end(device)
    gateway = station.gateway(heard, protocol)
    gateway.start()
    wait_for(lambda: {b"before", b"after", b'{"state":"online"}'} <= {m.payload for m in heard}, "all is there")
    gateway.close()
    later = []
    console = Session(
        station.address(station.local, "console"),
        "",
        filters=[topics.status("s", "+", "+")],
        on_message=later.append,
    )
    console.connect()
    wait_for(lambda: (console.wait(0.05), later)[1], "the retained status is shown")
    console.close()


def test_a_devices_topics_that_are_nearly_right_reach_the_gateway(station):
    """It says so in quarantine; without the right to write there nobody would ever know."""
    heard = []
    gateway = station.gateway(heard)
    gateway.connect()
    device, _ = station.client(station.local, "cam-1", "cam-1")
    near = ["patrolgrid/v1/s/b/cam-1/obs/", "patrolgrid/v1/s//cam-1/obs", "patrolgrid/v1/s/B/cam-1/Obs"]
    others = ["patrolgrid/v1/s/b/cam-2/obs", "patrolgrid/v1/s/b/cam-1", "patrolgrid/v1/s/commands"]
    for topic in [*others, *near]:
        send(device, topic)
    wait_for(lambda: gateway.wait(0.05) or len(heard) >= len(near), "they are heard")
    assert [message.topic.decode() for message in heard if message.payload == b"x"] == near
    gateway.close()
    end(device)
