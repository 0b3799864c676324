"""Who reaches the board: beyond its machine only with accounts and over TLS, and never half."""

import ipaddress
import json
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from console.board.board_config import BoardConfig, BoardConfigError
from console.board.server import exposed, serve
from console.doctor.doors import reach
from console.doctor.verdicts import in_words
from console.people.people import People, Person
from console.people.pki import BOARD_DAYS, Pki
from deploy.settings.load import load_settings, with_values
from deploy.settings.sections import Settings
from ingest.login import BrokerAddress
from ingest.setup.settings import SettingsError
from stream.sentences.catalogue import Sentences
from tests.console.stores import SITE, Node
from tests.support import free_port, wait_for

EVERYWHERE = str(ipaddress.ip_address(0))


def configuration(folder, **more):
    usual = BoardConfig(store_path=str(folder / "store.db"), places_path="x", site=SITE, broker=BrokerAddress())
    return msgspec.structs.replace(usual, **more)


@pytest.fixture
def people(tmp_path):
    made = People(tmp_path)
    made.add(Person(id="li", name="Li Wei", role="duty"), "cli:root")
    with closing(made.file):
        yield made


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    made.fill()
    yield made
    made.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_its_own_machine_a_board_needs_neither(tmp_path, host):
    assert exposed(configuration(tmp_path, host=host), People(tmp_path)) == ""


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "board.station", ""])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("accounts", [False, True])
def test_beyond_it_it_needs_both(tmp_path, host, tls, accounts):
    some = People(tmp_path)
    if accounts:
        some.add(Person(id="li", name="Li", role="duty"), "cli:root")
    why = exposed(configuration(tmp_path, host=host, tls_cert="c" if tls else ""), some)
    assert bool(why) is not (tls and accounts)
    assert ("accounts (`patrolgrid people add`)" in why) is not accounts
    assert ("TLS (`patrolgrid pki init`)" in why) is not tls
    assert exposed(configuration(tmp_path, host=host, fenced=True), some) == ""


def test_a_board_that_would_be_open_does_not_start_and_says_why(node, tmp_path, capsys):
    config = configuration(tmp_path, places_path=str(node.places_path), host=EVERYWHERE, port=free_port())
    assert serve(config) == 1
    said = capsys.readouterr().err
    assert "board.host is '0.0.0.0', which other machines reach, and there is no accounts" in said
    assert "docs/security.md" in said


def test_a_damaged_file_of_people_does_not_open_the_board(node, tmp_path, capsys):
    (tmp_path / "people.db").write_bytes(b"junk" * 4_000)
    pki = Pki(tmp_path / "tls")
    config = configuration(
        tmp_path, places_path=str(node.places_path), host=EVERYWHERE, tls_cert=str(pki.board), tls_key="k"
    )
    assert serve(config) == 1
    assert "people.db" in capsys.readouterr().err


def test_a_certificate_that_cannot_be_used_is_named(node, tmp_path, capsys):
    (tmp_path / "board.crt").write_text("junk", "utf-8")
    config = configuration(
        tmp_path, places_path=str(node.places_path), port=0, tls_cert=str(tmp_path / "board.crt"), tls_key="k"
    )
    assert serve(config) == 1
    assert "board.crt: is no certificate that can be read" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["tls_cert", "tls_key"])
def test_a_certificate_without_its_key_is_refused(tmp_path, key):
    path = tmp_path / "patrolgrid.toml"
    path.write_text(f'[board]\n{key} = "x"\n', "utf-8")
    with pytest.raises(SettingsError, match=rf"board\.{key} is set and tls_\w+ is not; expected both"):
        load_settings(path, {})
    with pytest.raises(BoardConfigError, match="expected both, or neither"):
        configuration(tmp_path, **{key: "x"}).check()


@pytest.mark.parametrize("link", ["javascript:alert({lat},{lon})", "http://maps/{lat},{lon}", "geo:{lat}"])
def test_a_link_to_the_phones_map_is_one(tmp_path, link):
    path = tmp_path / "patrolgrid.toml"
    for text in ("geo:{lat},{lon}", link):
        path.write_text(f'[board]\nmap_link = "{text}"\n', "utf-8")
        if text != link:
            assert load_settings(path, {}).board.map_link == text
    with pytest.raises(SettingsError, match=r"board\.map_link is .*expected geo: or https://"):
        load_settings(path, {})


def test_the_board_s_own_account_at_the_broker_is_used_for_what_people_say(tmp_path):
    path, secret = tmp_path / "patrolgrid.toml", tmp_path / "secret"
    secret.write_text("hush\n", "utf-8")
    path.write_text(
        '[broker]\nhost = "10.0.0.5"\ntls = true\nusername = "node"\n'
        f'[board]\nbroker_username = "board"\nbroker_password_file = "{secret}"\n', "utf-8",
    )  # fmt: skip
    settings = load_settings(path, {"PATROLGRID_BROKER__PASSWORD": "node's"})
    login = settings.people_login()
    assert (login.host, login.tls, login.username, login.secret()) == ("10.0.0.5", True, "board", "hush")
    assert Settings().people_login() == Settings().broker


def test_a_real_board_over_tls(node, people, tmp_path):
    """A process, its certificate checked by a client that trusts the site's authority alone; refused in clear."""
    pki = Pki(tmp_path / "tls")
    pki.make_authority(SITE)
    pki.issue_board(["localhost", "station.local"], ["127.0.0.1"])
    told, file = tmp_path / "address", tmp_path / "board.json"
    usual = {
        "store_path": str(node.store_path), "places_path": str(node.places_path), "site": SITE, "host": EVERYWHERE,
        "broker": {"port": free_port()}, "port": free_port(), "address_file": str(told),
        "tls_cert": str(pki.board), "tls_key": str(pki.board_key),
    }  # fmt: skip
    file.write_text(json.dumps(usual), "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "console.board", "--config-json", str(file)], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: told.exists() or process.poll() is not None, "the board tells its address")
        url = httpx.URL(told.read_text("utf-8").strip())
        assert url.scheme == "https"
        trusting = ssl.create_default_context(cafile=pki.authority)
        with httpx.Client(base_url=url, verify=trusting, timeout=60) as phone:
            assert phone.get("/healthz").json()["ok"]
            assert phone.get("/api/overview").status_code == 401
            assert phone.get("/ca.crt").content == pki.authority.read_bytes(), "what phones are given"
            named = phone.get("/healthz", headers={"Host": f"station.local:{url.port}"})
            assert named.status_code == 200, "the names of the certificate are the board's"
            assert phone.get("/healthz", headers={"Host": "evil.example"}).status_code == 421
            pretended = {"X-PatrolGrid": "board", "X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http"}
            phone.post("/api/sign-in", json={"id": "nobody", "password": "a guess of many"}, headers=pretended)
            assert people.audit.entries(limit=1)[0].detail == {"where": "127.0.0.1"}, "nobody chooses an address"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(url, timeout=60)
        with pytest.raises(httpx.TransportError):
            httpx.get(url.copy_with(scheme="http"), timeout=60)
        old = ssl.create_default_context(cafile=pki.authority)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
        raw = socket.create_connection(("127.0.0.1", url.port), 60)
        with old.wrap_socket(raw, server_hostname="localhost") as made:
            assert made.version() == "TLSv1.2"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def doctor(tmp_path, **sections):
    found = reach(with_values(Settings(), data={"dir": tmp_path}, **sections))
    for language in ("en", "zh-CN"):
        for one in found:
            in_words(Sentences(language), "reach", one)
    return found[0].state, found[0].code


def test_the_doctor_says_who_reaches_the_board(tmp_path):
    station, account = tmp_path / "station-1", {"username": "node"}
    pki = Pki(tmp_path / "tls")
    pki.make_authority(SITE)
    assert doctor(tmp_path) == ("ok", "alone")
    assert doctor(tmp_path, board={"enabled": False}) == ("ok", "off")
    assert doctor(tmp_path, board={"host": EVERYWHERE}) == ("fail", "open")
    assert doctor(tmp_path, board={"host": EVERYWHERE, "fenced": True}) == ("ok", "alone")
    People(station).add(Person(id="li", name="Li", role="duty"), "cli:root")
    assert doctor(tmp_path) == ("ok", "accounts")
    assert doctor(tmp_path, broker=account) == ("warn", "account")
    assert doctor(tmp_path, broker=account, board={"broker_username": "board"}) == ("ok", "accounts")
    reached = {"host": EVERYWHERE, "tls_cert": pki.board, "tls_key": pki.board_key}
    assert doctor(tmp_path, board=reached) == ("fail", "")
    now = datetime.now(UTC)
    states = {1: ("ok", "accounts"), BOARD_DAYS - 9: ("warn", "soon"), BOARD_DAYS + 9: ("fail", "over")}
    for days, expected in states.items():
        pki.issue_board(["localhost"], [], now - timedelta(days=days))
        assert doctor(tmp_path, board=reached) == expected, days
