"""Attempts on a real Mosquitto as `patrolgrid init` sets it up, and on the desk for codes: each refused, each told."""

from __future__ import annotations

import getpass
import socket
import ssl
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from console.cli.main import main
from console.devices.device_certificates import DeviceCertificates
from console.people.pki import Pki
from ingest import topics
from ingest.edge.claim import ClaimError, ClaimRequest, Ticket, claim, new_code, seal
from ingest.edge.signed_settings import (
    SettingsRefusedError,
    SignedSettings,
    read_settings,
    settings_key,
    write_settings,
)
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, Session, publish_all
from tests.devices.guarded import HOST
from tests.support import free_port, require_program, wait_for

OBS = topics.observations("s", "old-market", "gate-01")
REFUSED = "Not authorized"


@pytest.fixture(scope="module")
def taken_apart(station):
    """A device that was: whoever has it has its certificate."""
    station.credentials.give_certificate("gate-01")
    return "gate-01"


@pytest.fixture
def thief(station, taken_apart):
    """Whoever has it, connected."""
    found = station.certified(taken_apart)
    assert found.connect(), found.why
    assert found.publish(OBS) != REFUSED
    yield found
    found.leave()


@pytest.fixture(scope="module")
def witness(station):
    """The node's account, which hears everything that anybody has got in."""
    heard = []
    session = Session(
        station.settings.broker, "witness", filters=[topics.everything("s")],
        on_message=lambda message: heard.append((message.topic.decode(), message.payload)),
    )  # fmt: skip
    session.start()
    wait_for(lambda: session.up, "the witness listens")
    yield heard
    session.close()


def is_told(station, *words):
    """Mosquitto's log has the attempt."""
    wait_for(lambda: all(word in station.said() for word in words), f"the log says {words}")


def test_without_a_certificate(station):
    before = station.said().count("peer did not return a certificate")
    visitor = station.client("gate-01", station.password("gate-01"))
    assert not visitor.connect(certificates=True)
    visitor.leave()
    wait_for(lambda: station.said().count("peer did not return a certificate") > before, "the log says so")


def test_with_another_authoritys_certificate(station, tmp_path):
    other = Pki(tmp_path / "tls")
    other.make_authority("s")
    certificates = DeviceCertificates(other)
    certificates.issue("gate-01")
    visitor = station.client("gate-01", chain=(certificates.certificate("gate-01"), certificates.key("gate-01")))
    assert not visitor.connect()
    visitor.leave()
    is_told(station, "certificate verify failed")


def test_with_a_certificate_that_it_has_signed_itself(station, tmp_path):
    require_program("openssl", "install it with the system's packages")
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=gate-01"]
    chain = tmp_path / "own.crt", tmp_path / "own.key"
    files = ["-out", str(chain[0]), "-keyout", str(chain[1])]
    subprocess.run(["openssl", "req", "-x509", *options, *files], check=True, capture_output=True)
    visitor = station.client("gate-01", chain=chain)
    assert not visitor.connect()
    visitor.leave()


def test_with_one_that_has_ended(station):
    certificates = station.credentials.certificates
    certificates.issue("noise-01", days=10, now=datetime.now(UTC) - timedelta(days=11))
    visitor = station.certified("noise-01")
    assert not visitor.connect()
    visitor.leave()
    is_told(station, "certificate verify failed")
    certificates.revoke("noise-01")


def test_with_one_that_was_revoked_and_the_connection_that_was_there(station):
    station.credentials.give_certificate("door-01")
    kept = station.certified("door-01")
    assert kept.connect(), kept.why
    (gone,) = station.credentials.revoke("door-01", "stolen")
    wait_for(lambda: kept.ended, "its connection is ended")
    visitor = station.certified("door-01")
    assert not visitor.connect()
    visitor.leave()
    station.process.send_signal(1)  # and once more: a list that was read twice is one
    assert not station.certified("door-01").connect()
    assert gone.why == "stolen"
    found, ca = station.credentials.certificates, station.credentials.station.broker / "ca.crt"
    address = BrokerAddress(
        host=HOST, port=station.ports["certificates"], tls=True, tls_ca=ca, tls_cert=found.certificate("door-01"),
        tls_key=found.key("door-01"),
    )  # fmt: skip
    session = Session(address, "door-01", backoff_s=(0.05, 0.2))
    session.start()  # TLS 1.3 lets a client think that it is in, and then ends the connection
    wait_for(lambda: "certificate" in session.trouble, "it is told why")
    session.close()
    assert main(["pki", "list", "--config", str(station.folder / "patrolgrid.toml")]) == 0


def test_with_the_boards_certificate_or_the_brokers(station):
    pki, broker = station.credentials.pki, station.credentials.station.broker
    for chain in ((pki.board, pki.board_key), (broker / "server.crt", broker / "server.key")):
        visitor = station.client("board", chain=chain)
        assert not visitor.connect()
        visitor.leave()


def test_with_its_own_certificate_as_the_broker(station):
    """A device that was taken apart cannot pass for the station to others."""
    certificates = station.credentials.certificates
    certificates.issue("water-01")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificates.certificate("water-01"), certificates.key("water-01"))
    asking = ssl.create_default_context(cafile=station.credentials.station.broker / "ca.crt")
    ends = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    server = serving.wrap_bio(*ends[0], server_side=True)
    client = asking.wrap_bio(ends[0][1], ends[0][0], server_hostname=HOST)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with suppress(ssl.SSLWantReadError):
        server.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        client.do_handshake()


@pytest.mark.parametrize(
    "device", ["node", "board", "console", "+", "#", "a/b", "../../x", "claim.abcdef", "", "x" * 49]
)
def test_a_certificate_for_what_is_no_device(station, device):
    with pytest.raises(ValueError, match=r"is no id of a device|rights of its own"):
        station.credentials.certificates.issue(device)


@pytest.mark.parametrize(
    "topic",
    [
        topics.observations("s", "old-market", "camera-01"),
        topics.status("s", "old-market", "camera-01"),
        topics.health("s", "old-market", "camera-01"),
        topics.settings("s", "old-market", "camera-01"),
        topics.commands("s"),
        topics.incidents("s"),
        topics.alerts("s", "old-market"),
        topics.hotspots("s", "old-market"),
        topics.audit_head("s"),
        topics.patrol_did("s", "gate-01"),
        topics.patrol_plan("s", "gate-01"),
        topics.patrol_did("s", "p1"),
        topics.claim("s", "claim.abcdef"),
        topics.claim_answer("s", "claim.abcdef"),
        topics.claim_answer("s", "gate-01"),
        topics.told("s", "siren"),
        "patrolgrid/v1/-/x",
        "$SYS/broker/uptime",
    ],
)
def test_a_device_writes_as_nobody_else(station, thief, witness, topic):
    mark = f"forged {topic}".encode()
    assert thief.publish(topic, mark) in {REFUSED, "disconnected"}
    thief.leave()
    last, again = f"after {topic}".encode(), station.certified("gate-01")
    assert again.connect()
    again.publish(OBS, last)
    again.leave()
    wait_for(lambda: any(payload == last for _, payload in witness), "what it may say is heard")
    assert not [where for where, payload in witness if payload == mark]


def test_a_device_hears_nothing_of_others_by_any_wildcard(station, thief):
    own = topics.settings("s", "old-market", "gate-01")
    for wildcard in ("#", "patrolgrid/#", "+/+/+/+/+/settings", "$SYS/#", topics.commands("s"), own):
        thief.subscribe(wildcard)
    others = topics.settings("s", "old-market", "camera-01"), topics.alerts("s", "old-market")
    publish_all(station.settings.broker, [Outbound(topic, b"secret") for topic in (*others, own)])
    wait_for(lambda: thief.heard, "its own settings are heard")
    assert {topic for topic, _ in thief.heard} == {own}


@pytest.mark.parametrize("name", ["camera-01", "patrolgrid-gateway-s-0", "board-s-1", ""])
def test_with_its_own_account_under_anothers_client_id(station, name):
    victim = station.client("camera-01", station.password("camera-01"))
    assert victim.connect(), victim.why
    visitor = station.client("manhole-01", client_id=name, chain=None, password=station.password("cover-01"))
    assert not visitor.connect(), "and another's password opens nothing"
    visitor = station.client("cover-01", station.password("cover-01"), client_id=name)
    assert visitor.connect()
    assert visitor.publish(topics.observations("s", "old-market", "cover-01")) != REFUSED
    assert victim.publish(topics.observations("s", "old-market", "camera-01")) != REFUSED, "nobody took its connection"
    assert not victim.ended
    for one in (victim, visitor):
        one.leave()


@pytest.mark.parametrize("password", ["", "wrong", "x" * 60_000, "nul\0in it"])
def test_a_password_that_is_guessed(station, password):
    before = station.said().count("not authorised")
    visitor = station.client("camera-01", password)
    assert not visitor.connect()
    visitor.leave()
    wait_for(lambda: station.said().count("not authorised") > before or "\0" in password, "the log says so")


@pytest.mark.parametrize("account", ["node", "board"])
def test_the_accounts_of_node_and_board_from_the_network(station, account):
    password = (station.folder / "secrets" / f"{account}.password").read_text().strip()
    visitor = station.client(account, password)
    assert not visitor.connect(), "also who has their password gets in on the machine alone"
    visitor.leave()


def test_a_code_twice(station):
    ticket = station.ticket("camera-01")
    claim(ticket)
    with pytest.raises(ClaimError, match="used already; if that was not you, tell the station"):
        claim(ticket)
    assert station.audited("claim-refused")[0].detail == {"code": ticket.account, "why": "used"}
    assert station.audited("claim-refused")[0].about == "camera-01"


def test_a_code_that_is_guessed(station):
    with pytest.raises(ClaimError, match="the code is wrong, too old, or already used up"):
        claim(Ticket("s", f"{HOST}:{station.ports['passwords']}", tls=True, code=new_code()))
    ticket = station.ticket("camera-01")
    other = ticket._replace(code=ticket.code[:-1] + ("0" if ticket.code[-1] != "0" else "1"))
    with pytest.raises(ClaimError, match="the code is wrong"):
        claim(other)
    assert station.book.find(ticket.account).is_open(0)


def test_a_code_that_is_too_old(station):
    ticket = station.ticket("camera-01")
    found = station.book.find(ticket.account)
    station.book._write([msgspec.structs.replace(found, ends_ms=1)])
    with pytest.raises(ClaimError, match="too old"):
        claim(ticket)


def test_a_code_for_another_site(station):
    ticket = station.ticket("camera-01")
    with pytest.raises(ClaimError, match="the code is wrong"):
        claim(ticket._replace(site="t"))


def test_who_has_the_claims_account_and_not_its_secret(station, witness):
    """As somebody between device and broker would, who has read the password: five wrong ones, and the code is over."""
    ticket = station.ticket("heat-01")
    keys, request = ticket.keys(), msgspec.json.encode(ClaimRequest("0" * 32))
    visitor = station.client(ticket.account, keys.password)
    assert visitor.connect(), visitor.why
    visitor.subscribe("#")
    for topic in (
        OBS,
        topics.commands("s"),
        topics.claim("s", "claim.others"),
        topics.claim_answer("s", ticket.account),
    ):
        assert visitor.publish(topic, b"forged") == REFUSED
    for payload in (request, seal(bytes(32), request), b"", b"x" * 1_000_000, seal(keys.answer, request)):
        assert visitor.publish(topics.claim("s", ticket.account), payload) != REFUSED
    wait_for(lambda: station.book.find(ticket.account).wrong == 5, "they are counted")
    assert visitor.heard == [], "nobody answers, and of others it hears nothing"
    visitor.leave()
    with pytest.raises(ClaimError, match="tried too often with a wrong secret"):
        claim(ticket)
    assert {one.detail["why"] for one in station.audited("claim-refused") if one.about == "heat-01"} == {
        "secret",
        "locked",
    }
    said = [payload for topic, payload in witness if topic.startswith("patrolgrid/v1/s/claim/")]
    assert not [payload for payload in said if station.password("camera-01").encode() in payload]


def test_an_answer_that_is_forged_or_of_before_is_none(station):
    """Who stands between a device and the broker can give it no account of his own."""
    ticket = station.ticket("smoke-01")
    keys = ticket.keys()
    answers = [seal(bytes(32), b"{}"), seal(keys.request, b"{}"), b"{}", seal(keys.answer, b'{"number":"before"}')]
    topic, board = topics.claim_answer("s", ticket.account), station.settings.people_login()
    publish_all(board, [Outbound(topic, answer, retain=True) for answer in answers])
    assert claim(ticket).device == "smoke-01"
    publish_all(board, [Outbound(topic, b"", retain=True)])


def test_settings_that_are_forged_sent_again_or_anothers(station):
    own, topic = settings_key(b"station", "gate-01"), topics.settings("s", "old-market", "gate-01")
    said = SignedSettings(device="gate-01", version=3, made_ms=1, settings={})
    right = write_settings(said, topic, own)
    assert read_settings(right, topic, own, above=2).version == 3
    forged = write_settings(said, topic, settings_key(b"station", "camera-01"))
    elsewhere = write_settings(said, topics.settings("s", "old-market", "camera-01"), own)
    for payload, above in ((right, 3), (forged, 0), (elsewhere, 0), (right.replace(b"3", b"4", 1), 0), (b"{}", 0)):
        with pytest.raises(SettingsRefusedError):
            read_settings(payload, topic, own, above=above)


def test_a_device_without_tls_in_the_network(station):
    """The port of this machine is not open to others, and the others' ports speak nothing but TLS."""
    hello = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03cam"
    for port in (station.ports["passwords"], station.ports["certificates"]):
        with socket.create_connection((HOST, port), 10) as plain:
            plain.sendall(hello)
            with suppress(ConnectionResetError):
                assert not plain.recv(1_000).startswith(b"\x20"), "no CONNACK"
    for port in (station.ports["node"], station.ports["local"]):
        with pytest.raises(ConnectionError):
            Session(BrokerAddress(host=HOST, port=port), "x").connect(3.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the socket to be collected
def test_an_agent_that_finds_another_broker_there_says_nothing(station, tmp_path):
    """Its password goes to the broker that the station's authority has signed for, and to nobody else."""
    other = Pki(tmp_path / "tls")
    other.make_authority("s")
    other.issue_broker((tmp_path / "server.crt", tmp_path / "server.key"), ["localhost"], [HOST])
    port, passwords = free_port(), tmp_path / "log"
    conf = tmp_path / "m.conf"
    own = f"certfile {tmp_path}/server.crt\nkeyfile {tmp_path}/server.key\nuser {getpass.getuser()}\n"
    conf.write_text(f"listener {port} {HOST}\nallow_anonymous true\n{own}")
    program = require_program("mosquitto", "run `make services`")
    with passwords.open("wb") as log:
        fake = subprocess.Popen([program, "-v", "-c", str(conf)], stderr=log, stdout=log)
    try:
        wait_for(lambda: "running" in passwords.read_text(), "the other broker runs")
        address = BrokerAddress(
            host=HOST, port=port, username="camera-01", password=station.password("camera-01"), tls=True,
            tls_ca=station.credentials.station.broker / "ca.crt",
        )  # fmt: skip
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            Session(address, "camera-01").connect()
    finally:
        fake.terminate()
        fake.wait(30)
    assert "New client connected" not in passwords.read_text()
