"""The site's certificates: what a phone is told to trust speaks for this site alone, and nothing runs out unseen."""

import contextlib
import ipaddress
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from console.people.pki import BOARD_DAYS, Certified, Pki, PkiError, own_names, read_certificate

NAMES, ADDRESSES = ["localhost", "board.station"], ["127.0.0.1", "10.1.2.3"]
TODAY = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path / "tls")
    assert made.make_authority("quarter", ["board.station"])
    made.issue_board(NAMES, ADDRESSES)
    return made


def handshake(pki, name, trusted=None):
    """Connect to a server with the board's certificate as a phone would, and return what the phone says."""
    context = ssl.create_default_context(cafile=trusted or pki.authority)
    serving = Certified(pki.board, pki.board_key).context
    here, there = socket.socketpair()
    for end in (here, there):
        end.settimeout(30)

    def serve():
        with contextlib.suppress(OSError), serving.wrap_socket(there, server_side=True) as accepted:
            accepted.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(here, server_hostname=name) as connected:
            return connected.version()
    finally:
        here.close()
        thread.join()
        there.close()


def test_keys_are_for_their_owner_and_certificates_for_everybody(pki):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in pki.folder.iterdir()}
    assert modes["ca.key"] == modes["board.key"] == 0o600
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700
    assert set(modes) == {"ca.crt", "ca.key", "board.crt", "board.key"}
    assert "PRIVATE" not in pki.board.read_text("ascii") + pki.authority.read_text("ascii")


@pytest.mark.parametrize("name", [*NAMES, *ADDRESSES])
def test_a_phone_that_trusts_the_authority_reaches_the_board_by_each_of_its_names(pki, name):
    assert handshake(pki, name) in {"TLSv1.2", "TLSv1.3"}


def test_it_reaches_it_by_no_other_and_a_stranger_not_at_all(pki, tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(pki, "10.9.9.9")
    other = Pki(tmp_path / "other")
    other.make_authority("quarter")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self.signed"):
        handshake(pki, "localhost", other.authority)


@pytest.mark.parametrize(("names", "addresses"), [(["bank.example"], []), (["xlocal"], []), ([], ["8.8.8.8"])])
def test_the_authority_cannot_speak_for_the_world(pki, names, addresses):
    with pytest.raises(PkiError, match=f"may not speak for {(names + addresses)[0]}: it was made for private"):
        pki.issue_board(names, addresses)


def test_neither_can_whoever_stole_its_key(pki, monkeypatch):
    """Not because we refuse to sign it: the phone refuses it."""
    monkeypatch.setattr("console.people.pki._permits", lambda *_: True)
    pki.issue_board(["bank.example", "localhost"], ["8.8.8.8"])
    for name in ("bank.example", "8.8.8.8", "localhost"):
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            handshake(pki, name)


def test_certificates_are_what_phones_ask_for(pki):
    authority, board = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (pki.authority, pki.board))
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert authority.extensions.get_extension_for_class(x509.NameConstraints).critical
    usage = board.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in usage] == ["1.3.6.1.5.5.7.3.1"]
    assert board.not_valid_after_utc - board.not_valid_before_utc < timedelta(days=825)
    board.verify_directly_issued_by(authority)
    assert len(x509.load_pem_x509_certificates(pki.board.read_bytes())) == 2
    found = read_certificate(pki.board)
    assert (list(found.names), list(found.addresses)) == (NAMES, ADDRESSES)
    assert len(found.fingerprint) == 95


def test_a_second_call_changes_no_authority_and_a_renewal_no_key(pki):
    before = pki.authority.read_bytes(), pki.board_key.read_bytes()
    assert not pki.make_authority("quarter")
    pki.issue_board(NAMES, ADDRESSES)
    assert (pki.authority.read_bytes(), pki.board_key.read_bytes()) == before


def test_it_is_renewed_a_month_before_its_end_for_the_same_names(tmp_path):
    pki = Pki(tmp_path)
    pki.make_authority("quarter", ["board.station"], TODAY)
    pki.issue_board(NAMES, ADDRESSES, TODAY)
    first = read_certificate(pki.board)
    assert first.days_left(TODAY) == BOARD_DAYS
    assert not pki.renew_if_due(TODAY + timedelta(days=BOARD_DAYS - 31))
    assert pki.renew_if_due(later := TODAY + timedelta(days=BOARD_DAYS - 29))
    found = read_certificate(pki.board)
    assert (found.names, found.addresses, found.days_left(later)) == (first.names, first.addresses, BOARD_DAYS)
    assert found.fingerprint != first.fingerprint


def test_without_the_authority_s_key_or_for_another_s_certificate_a_person_has_to_do_it(pki, tmp_path):
    late = datetime.now(UTC) + timedelta(days=BOARD_DAYS)
    other = Pki(tmp_path / "other")
    other.make_authority("quarter", ["board.station"])
    other.issue_board(NAMES, ADDRESSES)
    theirs = other.board.read_bytes()
    ours, key = pki.board.read_bytes(), pki.authority_key.read_bytes()
    pki.board.write_bytes(theirs)
    assert not pki.renew_if_due(late)
    pki.board.write_bytes(ours)
    pki.authority_key.unlink()
    assert not pki.renew_if_due(late)
    pki.authority_key.write_bytes(other.authority_key.read_bytes())
    with pytest.raises(PkiError, match="is not the key that belongs to"):
        pki.issue_board(NAMES, ADDRESSES)
    for junk in (b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key[:-9]):
        pki.authority_key.write_bytes(junk)
        with pytest.raises(PkiError, match=r"ca\.key: is no key that can be read"):
            pki.issue_board(NAMES, ADDRESSES)
    pki.authority.write_bytes(b"")
    with pytest.raises(PkiError, match=r"ca\.crt: is no certificate that can be read"):
        pki.issue_board(NAMES, ADDRESSES)


def test_a_board_that_runs_shows_the_renewed_certificate(pki, caplog):
    pki.issue_board(NAMES, ADDRESSES, datetime.now(UTC) - timedelta(days=BOARD_DAYS - 5))
    before = read_certificate(pki.board).fingerprint
    certified = Certified(pki.board, pki.board_key)
    certified.refresh()
    assert read_certificate(pki.board).fingerprint != before
    assert "was renewed" in caplog.text
    pki.board.write_bytes(b"junk")
    certified.refresh()
    assert "cannot be renewed or used" in caplog.text
    with pytest.raises(PkiError, match=r"board\.crt"):
        Certified(pki.board, pki.board_key)


def test_this_machine_knows_its_own_names():
    names, addresses = own_names()
    assert names[0] == "localhost"
    assert addresses[:2] == ["127.0.0.1", "::1"]
    assert all(ipaddress.ip_address(one).is_private for one in addresses)
