"""A code brings a device in, once: with a password, or with a certificate for a key that nobody else ever had."""

from __future__ import annotations

from typing import get_args, get_type_hints

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from console.board.board_config import BoardConfig
from console.board.server import desk_of
from console.devices.claim_book import ClaimBook
from console.edge_settings import agent_key
from ingest import topics
from ingest.edge import claim as claims
from ingest.edge.claim import ClaimError, ClaimKeys, Ticket, claim, new_code, seal, unseal
from ingest.edge.signed_settings import key_text
from ingest.gateway.places_file import PlacesFile
from ingest.gateway.plate_keys import add_seal_key
from ingest.health import read_health
from ingest.mqtt import Session
from tests.support import wait_for


def request_of(key, name="node"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def test_a_password_by_a_code(station):
    given = claim(station.ticket("camera-01"), about={"host": "pi-1"})
    assert (given.site, given.beat, given.device, given.type) == ("s", "old-market", "camera-01", "camera")
    assert (given.username, given.password) == ("camera-01", station.password("camera-01"))
    assert "BEGIN CERTIFICATE" in given.ca
    assert given.settings_key == "settings-camera-01"
    visitor = station.client(given.username, given.password)
    wait_for(lambda: station.client(given.username, given.password).let_in(), "the broker has read its accounts")
    assert visitor.connect()
    assert visitor.publish("patrolgrid/v1/s/old-market/camera-01/obs") in {"Success", "No matching subscribers"}
    visitor.leave()
    assert station.audited("claim")[0].detail["machine"] == {"host": "pi-1"}


def test_a_certificate_by_a_code_for_a_key_that_stays(station, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    given = claim(station.ticket("smoke-01"), csr=request_of(key))
    made = x509.load_pem_x509_certificate(given.certificate.encode())
    assert made.public_key() == key.public_key()
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "smoke-01", "not what it asked for"
    assert (given.password, given.port) == ("", station.ports["certificates"])
    chain = tmp_path / "own.crt", tmp_path / "own.key"
    chain[0].write_text(given.certificate)
    chain[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    visitor = station.client("smoke-01", chain=chain)
    assert visitor.connect(), visitor.why
    assert visitor.publish("patrolgrid/v1/s/old-market/smoke-01/obs") in {"Success", "No matching subscribers"}
    visitor.leave()


def test_an_answer_that_was_lost_is_given_again_and_to_nobody_else(station):
    ticket, number = station.ticket("noise-01"), "ab" * 16
    first = claim(ticket, number=number)
    assert claim(ticket, number=number) == first
    with pytest.raises(ClaimError, match="used already; if that was not you"):
        claim(ticket)


def test_a_weak_key_is_refused_in_words(station):
    bits = 1_024
    weak = rsa.generate_private_key(65_537, bits)
    with pytest.raises(ClaimError, match="does not take this request"):
        claim(station.ticket("heat-01"), csr=request_of(weak))


def test_old_codes_lose_their_account(station):
    ticket = station.ticket("door-01", hours=1)
    found = station.book.find(ticket.account)
    station.desk.turn(found.ends_ms + 1)
    assert ticket.account not in station.credentials.accounts()
    wait_for(lambda: not station.client(ticket.account, ticket.keys().password).let_in(), "the broker knows it no more")


def test_a_code_as_somebody_types_it():
    ticket = Ticket("s", "10.1.2.3:8884", tls=True, code=new_code())
    assert Ticket.parse(str(ticket)) == ticket
    typed = ticket.code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert Ticket("s", "10.1.2.3:8884", tls=True, code=typed).keys() == ticket.keys()
    assert ticket.code.replace("-", "")[6:] not in str(ticket.keys()), "the secret goes nowhere"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PG1",
        "http://x/y",
        "PG1/s/10.1.2.3:8884/tls/AAAA",
        "PG1/s/10.1.2.3/tls/" + "A" * 22,
        "PG1/a b/h:1/tls/" + "A" * 22,
        "PG1/s/h:1/what/" + "A" * 22,
        "PG2/s/h:1/tls/" + "A" * 22,
    ],
)
def test_what_is_no_ticket(text):
    with pytest.raises(ClaimError):
        Ticket.parse(text)


def test_a_sealed_message_is_read_with_its_key_alone_and_whole():
    keys = ClaimKeys.of(bytes(32))
    sealed = seal(keys.answer, b"a secret" * 9)
    assert unseal(keys.answer, sealed) == b"a secret" * 9
    assert b"secret" not in sealed
    assert seal(keys.answer, b"x") != seal(keys.answer, b"x")
    changed = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(0, len(sealed), 7)]
    for wrong in (*changed, sealed[:-1], sealed[1:], sealed + b"x", b"", b"x" * 47):
        with pytest.raises(ClaimError):
            unseal(keys.answer, wrong)
    with pytest.raises(ClaimError):
        unseal(keys.request, sealed)


def test_a_new_code_ends_the_one_before(station):
    before, after = station.ticket("water-01"), station.ticket("water-01")
    assert not station.book.find(before.account).is_open(station.book.find(after.account).made_ms + 1)
    assert before.account not in station.credentials.accounts()
    assert claim(after).device == "water-01"


def test_what_is_kept_of_a_code_is_for_its_owner_and_not_the_code(station):
    ticket = station.ticket("environment-01")
    kept = station.book.path
    assert kept.stat().st_mode & 0o077 == 0
    text = kept.read_text()
    assert ticket.code not in text
    assert ticket.code.replace("-", "")[6:] not in text


def test_codes_that_cannot_be_read_are_said(tmp_path):
    book = ClaimBook(tmp_path / "claims.json")
    book.path.write_text("[{]")
    with pytest.raises(ValueError, match=r"claims\.json: the list of codes cannot be read"):
        book.all()


def test_every_refusal_has_words():
    kinds = get_args(get_type_hints(claims.ClaimAnswer)["refused"])
    assert {*kinds} - {""} == {*claims._REFUSED}


def test_certificates_that_are_about_to_end_are_told_in_their_devices_names(station):
    certificates, heard = station.credentials.certificates, []
    node = Session(
        station.settings.broker, "", filters=[topics.health("s", "+", "+")],
        on_message=lambda message: heard.append((message.topic.decode(), message.payload)),
    )  # fmt: skip
    node.start()
    wait_for(lambda: node.up, "the node listens")
    certificates.issue("manhole-09", days=9)
    issued = certificates.issue("cover-01", days=9)
    station.desk.turn(issued.made_ms + 60_000)
    wait_for(lambda: heard, "it is told")
    node.close()
    assert heard == [(topics.health("s", "old-market", "cover-01"), b'{"certificate_days":8}')], "of no stranger"
    assert read_health(heard[0][1]).certificate_days == 8
    certificates.revoke("cover-01")
    certificates.revoke("manhole-09")


def test_a_code_on_the_stations_own_machine_without_tls(station):
    ticket = station.ticket("camera-01")
    given = claim(ticket._replace(broker=f"127.0.0.1:{station.ports['local']}", tls=False))
    assert given.password == station.password("camera-01")


def test_a_code_that_nobody_answers_is_not_used_up(station):
    station.desk.stop()
    try:
        ticket = station.ticket("gate-01")
        with pytest.raises(ConnectionError, match="does not answer: is its board running"):
            claim(ticket, timeout_s=0.1)
        assert station.book.find(ticket.account).is_open(0)
    finally:
        station.begin_desk()
    assert claim(ticket).device == "gate-01"


def test_the_boards_desk_gives_the_keys_by_which_the_station_speaks(station):
    settings = station.settings
    config = BoardConfig(
        store_path=str(settings.site_dir / "store.db"), places_path=str(settings.places_file), site="s",
        broker=settings.people_login(), command_key_file=str(settings.command_key_file),
        seal_key_file=str(settings.seal_key_file),
    )  # fmt: skip
    file = PlacesFile(settings.places_file, settings.site_dir / "good")
    device = file.load().devices["camera-01"]
    assert desk_of(msgspec.structs.replace(config, places_path="elsewhere/x"), station.people, file) is None
    desk = desk_of(config, station.people, file)
    assert desk is not None
    assert desk._keys_of(device) == (key_text(agent_key(settings, "camera-01")), "")
    add_seal_key(settings.seal_key_file)
    assert desk._keys_of(device)[1].startswith("seal1:")
    assert desk._places() == file.places
    desk.stop()
