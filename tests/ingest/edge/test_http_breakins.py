"""Break-ins at the port that cameras post to: each is refused, told in the log, and leaves the port to the others."""

import gzip
import json
import logging
import socket

import httpx
import pytest

from tests.ingest.edge.posting import (
    CAMERA,
    OTHER,
    PASSWORD,
    SYSTEM,
    TOKEN,
    digest,
    nonce_of,
    request,
    serving,
    statuses,
    talk,
)
from tests.support import wait_for

PATH, DOOR = "/VIID/System/Register", "/zigbee2mqtt/door"
BODY = json.dumps({"RegisterObject": {"DeviceID": SYSTEM}}).encode()
OPEN = b'{"contact": false}'
PASSED = json.dumps({"MotorVehicleObject": {"MotorVehicleID": "1", "DeviceID": CAMERA, "PlateNo": "京A12345"}}).encode()
BEARER = f"Bearer {TOKEN}"
GOOD = request(DOOR, OPEN, authorization=BEARER)


@pytest.fixture(params=[0.3])
def port(request, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with serving(tmp_path, header_s=request.param) as (source, taken):
        yield source, taken
        # Whatever was tried, who has a right to it still gets through.
        assert statuses(talk(source.port, GOOD)) in ([200], [429])
        assert PASSWORD not in caplog.text
        assert TOKEN not in caplog.text


def refused(source, taken, caplog, data, status, said, *, end=True):
    before, count = len(taken.messages), source.refused
    assert statuses(talk(source.port, data, end=end))[-1] == status
    assert len(taken.messages) == before, "it was handed over"
    if said:
        assert source.refused > count
        assert said in caplog.text


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        ({"password": "open sesame!"}, "a wrong user name or password"),
        ({"name": "nobody"}, "a wrong user name or password"),
        ({"name": "pi", "password": TOKEN}, "a wrong user name or password"),
        ({"uri": "/VIID/Other"}, "a Digest for another path"),
        ({"qop": "auth-int"}, "a Digest of another kind"),
        ({"algorithm": "MD5-sess"}, "a Digest of another kind"),
        ({"realm": "other"}, "a Digest of another kind"),
        ({"nc": "1"}, "a Digest without nc or cnonce"),
        ({"nc": 2, "response": "0" * 32}, "a wrong user name or password"),
        ({"x": "a" * 600}, "a Digest that cannot be read"),
        ({"method": "PUT"}, "a wrong user name or password"),
    ],
)
def test_a_forged_digest_is_no_proof(port, caplog, proof, said):
    source, taken = port
    forged = digest(nonce_of(source.port), PATH, **proof)
    refused(source, taken, caplog, request(PATH, BODY, authorization=forged), 401, said)


@pytest.mark.parametrize(
    "proof",
    [
        "Bearer x",
        "Bearer ",
        f"Token {TOKEN}",
        "Basic cGk6YS10b2tlbi1vZi1tb3JlLXRoYW4tdHdlbnR5LXNpZ25z",
        "Digest",
        "Digest a",
    ],
)
def test_what_is_no_proof_is_none(port, caplog, proof):
    source, taken = port
    refused(source, taken, caplog, request(DOOR, OPEN, authorization=proof), 401, "was refused: ")


def test_a_digest_that_was_overheard_is_good_once(port, caplog):
    source, taken = port
    proof = digest(nonce_of(source.port), PATH)
    assert statuses(talk(source.port, request(PATH, BODY, authorization=proof))) == [200]
    replayed = request(PATH, BODY, authorization=proof)
    refused(source, taken, caplog, replayed, 401, "a request that came before (nc)")
    assert b"stale=true" in talk(source.port, replayed)
    # Nor for another request, another account, or a nonce from elsewhere.
    refused(source, taken, caplog, request("/VIID/MotorVehicles", PASSED, authorization=proof), 401, "another path")
    refused(source, taken, caplog, request(PATH, BODY, authorization=proof, method="PUT"), 401, "a wrong user name")
    refused(source, taken, caplog, request(PATH, BODY, authorization=digest("A" * 48, PATH)), 401, "not made here")


def test_an_account_speaks_for_no_other(port, caplog):
    source, taken = port
    nonce = nonce_of(source.port)
    assert statuses(talk(source.port, request(PATH, BODY, authorization=digest(nonce, PATH)))) == [200]
    path = "/VIID/MotorVehicles"
    for number, headers in ((2, {"User_Identify": OTHER}), (3, {"user_identify": SYSTEM.replace("9", "8")})):
        proof = digest(nonce, path, nc=number)
        assert statuses(talk(source.port, request(path, PASSED, authorization=proof, **headers))) == [403]
    # The other one has an account, but not this one's camera.
    other = digest(nonce_of(source.port), PATH, name=OTHER)
    said = json.dumps({"RegisterObject": {"DeviceID": OTHER}}).encode()
    assert statuses(talk(source.port, request(PATH, said, authorization=other))) == [200]
    assert statuses(talk(source.port, request(path, PASSED, user_identify=OTHER))) == [200]
    assert not taken.heard
    # And a token is good for its dialect only.
    before = len(taken.messages)
    talk(source.port, request(path, PASSED, authorization=BEARER))
    assert not taken.heard
    assert all(message.sender == "pi" for message in taken.messages[before:])


@pytest.mark.parametrize("name", ["gate-1", "some"])
def test_an_account_does_not_speak_for_another_s_device(port, name):
    source, taken = port
    proof = digest(nonce_of(source.port), DOOR, name=name)
    assert statuses(talk(source.port, request(DOOR, OPEN, authorization=proof))) == [403]
    assert not taken.heard
    assert [one.reason for one in taken.refusals] == ["auth"]
    # Whose name is no device's, and who has no list, may speak for all that are bound.
    both = digest(nonce_of(source.port), DOOR, name="both")
    assert statuses(talk(source.port, request(DOOR, OPEN, authorization=both))) == [200]
    assert [device for device, _ in taken.heard] == ["door-1"]


def test_who_is_wrong_again_and_again_is_not_heard_for_a_while(port, caplog):
    source, taken = port
    nonce = nonce_of(source.port)
    wrong = [
        request(PATH, BODY, authorization=digest(nonce, PATH, password=f"{number}", nc=number))
        for number in range(1, 15)
    ]
    assert statuses(talk(source.port, b"".join(wrong))) == [401] * 9 + [429] * 5
    right = request(PATH, BODY, authorization=digest(nonce, PATH, nc=99))
    refused(source, taken, caplog, right, 429, "too many wrong attempts")


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd", "/VIID/%2e%2e/x", "/VIID/%252e%252e/x", "/a/./b", "//VIID/x", "/VIID//x", "/a%00b",
        "/a%0d%0aX:%20y", "/a\\b", "/%5c..%5c", "/%ff", "/%zz", "/a%", "http://127.0.0.1/VIID/x", "*",
        "VIID/x", "/" + "a" * 2000, "/a#b", "/%e2%80%ae",
    ],
)  # fmt: skip
def test_tricks_in_paths(port, caplog, path):
    source, taken = port
    refused(source, taken, caplog, request(path, OPEN, authorization=BEARER), 400, "a path ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GOOD.replace(b"host", b"transfer-encoding: chunked\r\nhost"), 400),
        (GOOD.replace(b"content-length", b"Content-Length: 3\r\nContent-Length"), 400),
        (GOOD.replace(b"content-length: 18", b"content-length: 18, 3"), 400),
        (GOOD.replace(b"content-length: 18", b"content-length: +18"), 400),
        (GOOD.replace(b"content-length: 18", b"content-length : 18"), 400),
        (GOOD.replace(b"content-length: 18", b"transfer-encoding: xchunked"), 501),
        (GOOD.replace(b"content-length: 18", b"transfer-encoding: chunked"), 400),
        (request(DOOR, b"", authorization=BEARER).replace(b"HTTP/1.1", b"HTTP/1.0").replace(
            b"content-length: 0", b"transfer-encoding: chunked"), 400),
        (request(DOOR, OPEN, authorization=BEARER, a="b\rc"), 400),
        (request(DOOR, OPEN, authorization=BEARER, a="b\0c"), 400),
        (request(DOOR, OPEN, authorization=f"{BEARER}\r\nauthorization: {BEARER}"), 400),
        (request(DOOR, OPEN, authorization=BEARER, upgrade="h2c", connection="upgrade"), 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", 400),
        (b"\r\n\r\n\r\n" + b"A" * 100 + b"\r\n\r\n", 400),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_request_that_two_programs_could_read_in_two_ways_smuggles_nothing(port, caplog, data, status):
    source, taken = port
    answer = talk(source.port, data + GOOD)
    assert statuses(answer) == [status]
    assert not taken.messages
    assert "was refused: " in caplog.text


@pytest.mark.parametrize("port", [10.0], indirect=True)
@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (request(DOOR, b"", authorization=BEARER, content_length=str(1 << 40)), 413, "a body of more than"),
        (
            request(DOOR, gzip.compress(b"0" * 1_000_000), authorization=BEARER, content_encoding="gzip"),
            415,
            "compressed",
        ),
        (request(DOOR, OPEN, authorization=BEARER, **{f"x{n}": "1" for n in range(100)}), 431, "more than 64 headers"),
        (request(DOOR, OPEN, authorization=BEARER, x="a" * 40_000), 431, "16384 bytes"),
        (b"POST /" + b"a" * 40_000, 431, "no HTTP that can be read"),
    ],
    ids=["length", "gzip", "headers", "header", "path"],
)
def test_bombs(port, caplog, data, status, said):
    source, taken = port
    refused(source, taken, caplog, data, status, said)


@pytest.mark.parametrize("port", [10.0], indirect=True)
def test_a_body_without_end_is_cut_off_and_nothing_of_it_is_kept(port, caplog):
    source, taken = port
    head = request(DOOR, b"", authorization=BEARER, content_length=None, transfer_encoding="chunked")
    piece = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    assert statuses(talk(source.port, head, *[piece] * 100)) == [413]
    assert not taken.messages
    assert "a body of more than" in caplog.text
    # Who has not proved itself is not even kept so far.
    assert statuses(talk(source.port, head.replace(TOKEN.encode(), b"x"), *[piece] * 100)) in ([401], [])
    wait_for(lambda: not source._held, "room that was never given back")


@pytest.mark.parametrize(
    "pieces",
    [[b"POST /a HTTP/1.1\r\nHost: a\r\nX: "], [b""], [b"P"], [request(DOOR, b"", authorization=BEARER)[:-2]]],
    ids=range(4),
)
def test_who_says_nothing_more_is_not_waited_for(port, pieces):
    source, taken = port
    answer = talk(source.port, *pieces, end=False)  # ends only when the other side ends it
    assert statuses(answer) in ([408], [])
    assert not taken.messages


def test_one_address_has_not_all_connections(port, caplog):
    source, _ = port
    held = [socket.create_connection(("127.0.0.1", source.port), timeout=20) for _ in range(30)]
    wait_for(lambda: "more connections than are taken" in caplog.text, "all were taken")
    for one in held:
        one.close()
    wait_for(lambda: not source._open.total(), "a connection that never ends")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "CONNECT", "TRACE", "OPTIONS", "PATCH"])
def test_other_methods_give_and_do_nothing(port, caplog, method):
    source, taken = port
    refused(source, taken, caplog, request(DOOR, b"", authorization=BEARER, method=method), 405, "another method")


def test_nothing_that_was_sent_gets_into_a_header_of_the_answer(port):
    source, _ = port
    with httpx.Client(base_url=f"http://127.0.0.1:{source.port}") as client:
        auth = httpx.DigestAuth(SYSTEM, PASSWORD)
        answer = client.post("/VIID/System/%22x%22", json={}, auth=auth)
    assert answer.status_code == 404
    assert set(answer.headers) == {"content-length", "cache-control", "content-type", "date"} - {"date"}
    assert answer.json()["ResponseStatusObject"]["RequestURL"] == '/VIID/System/"x"'


def laughs(levels=9):
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, levels + 1))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><x>&a{levels};</x>'.encode()


OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
PARTS = b"--b\r\nContent-Type: application/xml\r\n\r\n" + laughs() + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (laughs(), "application/xml"),
        (OUTSIDE, "application/xml"),
        (b"<x>" * 200_000, "application/xml"),
        (PARTS, "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\n" * 100_000, "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"A: b\r\n" * 100_000 + b"\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"x" * 1_000_000, f"multipart/form-data; boundary={'-' * 70}"),
        (b"--b\r\n\r\n", "multipart/form-data"),
    ],
    ids=["laughs", "outside", "deep", "laughs in a part", "parts", "headers", "no part", "no boundary"],
)  # fmt: skip
def test_bombs_that_an_account_posts_come_to_nothing(port, body, kind):
    source, taken = port
    proof = digest(nonce_of(source.port), "/x", name="hik")
    assert statuses(talk(source.port, request("/x", body, authorization=proof, content_type=kind))) == [200]
    assert len(taken.messages) == 1
    assert not taken.heard
    assert taken.refusals
    assert not any(refusal.payload or "root:" in refusal.detail for refusal in taken.refusals)
