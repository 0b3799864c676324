"""The port that cameras post to: Digest, tokens, dialects, and an answer only after the spool."""

import json
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from ingest.edge.edge_file import HttpAccount, HttpPart, load_edge_file
from ingest.edge.sources import http_port
from ingest.edge.sources.http_port import HttpSource
from ingest.observations import Gate, State
from tests.ingest.edge.posting import (
    CAMERA,
    OTHER,
    PASSWORD,
    SYSTEM,
    TOKEN,
    Taken,
    request,
    serving,
    settings,
    statuses,
    talk,
)
from tests.support import wait_for

REGISTER = {"RegisterObject": {"DeviceID": SYSTEM}}
MOTOR = {"MotorVehicleID": "1", "DeviceID": CAMERA, "PlateNo": "京A12345", "PassTime": "20261120080512"}
PASSED = {"MotorVehicleListObject": {"MotorVehicleObject": [MOTOR]}}
IDENT = {"User-Identify": SYSTEM}


@pytest.fixture
def port(tmp_path):
    with serving(tmp_path) as (source, taken):
        yield source, taken


@pytest.fixture
def client(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port[0].port}", timeout=20) as found:
        yield found


def test_a_system_registers_once_and_then_posts(port, client):
    source, taken = port
    first = client.post("/VIID/System/Register", json=REGISTER, headers=IDENT)
    assert first.status_code == 401
    assert "algorithm=MD5" in first.headers["www-authenticate"]
    auth = httpx.DigestAuth(SYSTEM, PASSWORD)
    registered = client.post("/VIID/System/Register", json=REGISTER, headers=IDENT, auth=auth)
    assert registered.json()["ResponseStatusObject"]["StatusCode"] == "0"
    # Most systems prove themselves only then.
    for _ in range(3):
        posted = client.post("/VIID/MotorVehicles", json=PASSED, headers=IDENT)
        assert posted.json()["ResponseStatusObject"]["StatusCode"] == "0"
    assert [(device, type(one)) for device, one in taken.heard] == [("gate-1", Gate)]
    assert source.taken == 4
    assert not any("authorization" in message.headers for message in taken.messages)
    other = client.post("/VIID/MotorVehicles", json=PASSED, headers={"User-Identify": OTHER})
    assert other.status_code == 401
    gone = client.post("/VIID/System/Unregister", json={"UnRegisterObject": {"DeviceID": SYSTEM}}, headers=IDENT)
    assert gone.status_code == 200
    for _ in range(2):
        assert client.post("/VIID/MotorVehicles", json=PASSED, headers=IDENT).status_code == 401


@pytest.mark.parametrize("name", ["SHA-256", "MD5"])
def test_every_request_may_prove_itself_by_either_hash(port, client, name):
    _, taken = port
    seen = []

    class Chosen(httpx.DigestAuth):
        def _parse_challenge(self, request, response, auth_header):
            wanted = [one for one in response.headers.get_list("www-authenticate") if f"algorithm={name}," in one]
            seen.append(wanted)
            return super()._parse_challenge(request, response, wanted[0])

    auth = Chosen(SYSTEM, PASSWORD)
    for _ in range(3):
        assert client.post("/VIID/System/Register?a=1", json=REGISTER, auth=auth).status_code == 200
    assert len(seen) == 1, "the nonce is good for more than one request"
    assert len(taken.messages) == 3


def test_curl_with_a_large_body_and_expectations_gets_through(port):
    source, taken = port
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    body = json.dumps({**PASSED, "Data": "A" * 200_000})
    address = f"http://127.0.0.1:{source.port}/VIID/System/Register"
    command = ["curl", "-sS", "-m", "20", "--digest", "-u", f"{SYSTEM}:{PASSWORD}", "-H", "Expect: 100-continue"]
    ran = subprocess.run([*command, "-d", "@-", address], input=body, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["ResponseStatusObject"]["StatusCode"] == "0"
    assert len(taken.messages[-1].payload) == len(body)


def test_the_user_name_may_be_another_than_the_system_s_number(tmp_path):
    (tmp_path / "own").write_text(PASSWORD, encoding="utf-8")
    one = HttpAccount(name="hik", number=SYSTEM, password_file=tmp_path / "own", codecs=("gat1400",))
    with serving(tmp_path, accounts=(one,)) as (source, taken):
        with httpx.Client(base_url=f"http://127.0.0.1:{source.port}/VIID/", timeout=20) as client:
            auth = httpx.DigestAuth("hik", PASSWORD)
            assert client.post("System/Register", json=REGISTER, headers=IDENT, auth=auth).status_code == 200
            assert client.post("MotorVehicles", json=PASSED, headers=IDENT).status_code == 200
            assert client.post("MotorVehicles", json=PASSED, headers={"User-Identify": "hik"}).status_code == 401
        assert [device for device, _ in taken.heard] == ["gate-1"]
    assert "twice" in settings(tmp_path, accounts=(one, settings(tmp_path).accounts[0])).mistake()


def test_a_token_and_a_path_choose_the_dialect(port, client):
    _, taken = port
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/zigbee2mqtt/door", json={"contact": False}, headers=token).status_code == 200
    both = httpx.DigestAuth("both", PASSWORD)
    assert client.post("/zigbee2mqtt/door", json={"contact": True}, auth=both).status_code == 200
    assert [one.value for _, one in taken.heard if isinstance(one, State)] == ["open", "closed"]
    assert client.post("/VIID/MotorVehicles", json=PASSED, auth=both).status_code == 401  # it has not registered
    assert client.get("/zigbee2mqtt/door", headers=token).status_code == 405


def test_the_answer_waits_for_the_spool_and_a_fault_is_no_answer_that_it_was_taken(port, client):
    source, taken = port
    token = {"Authorization": f"Bearer {TOKEN}"}
    taken.fails = True
    assert client.post("/zigbee2mqtt/door", json={"contact": False}, headers=token).status_code == 500
    taken.fails = False
    taken.gate.clear()
    with pytest.raises(httpx.ReadTimeout):
        client.post("/zigbee2mqtt/door", json={"contact": False}, headers=token, timeout=0.2)
    assert not taken.heard
    taken.gate.set()
    source.close()
    assert len(taken.heard) == 1


def test_many_requests_go_over_one_connection(port):
    source, taken = port
    one = request("/zigbee2mqtt/door", b'{"contact": true}', authorization=f"Bearer {TOKEN}")
    chunked = one.replace(b"content-length: 17", b"transfer-encoding: chunked").replace(
        b'{"contact": true}', b'3\r\n{"c\r\ne\r\nontact": true}\r\n0\r\n\r\n'
    )
    assert statuses(talk(source.port, one + chunked + one)) == [200, 200, 200]
    assert [message.payload for message in taken.messages] == [b'{"contact": true}'] * 3


def test_tls_is_spoken_where_there_is_a_certificate(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(cert), *subject],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(tmp_path, tls_cert=cert, tls_key=key) as (source, taken):
        trusted = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=f"https://127.0.0.1:{source.port}", verify=trusted) as client:
            token = {"Authorization": f"Bearer {TOKEN}"}
            assert client.post("/zigbee2mqtt/door", json={"contact": True}, headers=token).status_code == 200
        assert len(taken.heard) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "192.0.2.1"}, "host: '192.0.2.1' without TLS"),
        ({"host": "192.0.2.1", "plain": True}, "a token without TLS is read by anybody"),
        ({"tls_cert": "cert.pem"}, "tls_key: expected together with tls_cert"),
    ],
)
def test_a_port_that_is_not_safe_does_not_open(tmp_path, changes, said):
    part = settings(tmp_path, **changes)
    with pytest.raises(ValueError, match=said):
        HttpSource(part, "cameras", Taken())
    assert said in part.mistake()


def test_password_files_are_checked_before_the_port_opens(tmp_path):
    for text, said in (("", "holds no password"), ("a\nb", "holds no password"), ("short", "too short")):
        (tmp_path / "own").write_text(text, encoding="utf-8")
        account = HttpAccount(name="x", password_file=tmp_path / "own", codecs=("zigbee2mqtt",), auth="token")
        with pytest.raises(ValueError, match=said):
            HttpSource(settings(tmp_path, accounts=(account,)), "cameras", Taken())
    twice = settings(tmp_path).accounts[:1] * 2
    assert "twice" in settings(tmp_path, accounts=twice).mistake()


def test_a_port_that_is_taken_is_named(tmp_path, port):
    with pytest.raises(OSError, match=f"port {port[0].port} of 127.0.0.1 cannot be had"):
        HttpSource(settings(tmp_path, port=port[0].port), "cameras", Taken())


@pytest.mark.parametrize("name", ["edge.md", "edge.zh-CN.md"])
def test_what_the_page_says_of_a_system_of_gat_1400_are_settings(tmp_path, name):
    page = (Path(__file__).parents[3] / "docs" / name).read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(\[\[sources\]\]\nkind = \"http\".{1,2000}?)```", page, re.DOTALL)
    path = tmp_path / "edge.toml"
    head = '[agent]\nsite = "s1"\nfolder = "kept"\n[[devices]]\ndevice = "gate-1"\nbeat = "b1"\n'
    path.write_text(head + block, encoding="utf-8")
    found = load_edge_file(path)
    (source,) = found.sources
    assert isinstance(source, HttpPart)
    assert not source.mistake()
    assert source.accounts[0].known_as == found.bindings[0].match
    assert found.bindings[0].way("1") == "in"


def test_large_bodies_wait_for_each_other_and_are_told_to_come_again(port, monkeypatch, caplog):
    source, taken = port
    monkeypatch.setattr(http_port, "_ROOM_S", 0.1)
    body = b'11\r\n{"contact": true}\r\n0\r\n\r\n'
    head = request(
        "/zigbee2mqtt/door", authorization=f"Bearer {TOKEN}", content_length=None, transfer_encoding="chunked"
    )
    with socket.create_connection(("127.0.0.1", source.port), timeout=20) as first:
        first.sendall(head)
        wait_for(lambda: source._held, "no room was taken")
        answer = talk(source.port, head + body)
        assert statuses(answer) == [503]
        assert b"retry-after: 5" in answer
        assert "too many large bodies at once" in caplog.text
        first.sendall(body)
        assert statuses(first.recv(65_536)) == [200]
    assert statuses(talk(source.port, head + body)) == [200]
    assert len(taken.messages) == 2


def test_a_fault_in_the_port_s_thread_is_told(tmp_path, monkeypatch, caplog):
    source = HttpSource(settings(tmp_path), "cameras", Taken())
    monkeypatch.setattr(source, "_serve", lambda: 1 / 0)
    source.start()
    wait_for(lambda: source.trouble, "no trouble was told")
    source.close()
    assert source.trouble == "the port is closed: ZeroDivisionError"
    assert not source.up


def test_a_certificate_that_cannot_be_read_is_told_before_the_port_opens(tmp_path):
    (tmp_path / "cert.pem").write_text("no certificate", encoding="utf-8")
    for name in ("cert.pem", "absent.pem"):
        part = settings(tmp_path, tls_cert=tmp_path / name, tls_key=tmp_path / name)
        with pytest.raises(OSError, match=name):
            HttpSource(part, "cameras", Taken())
