"""Clients that are slow, half open, idle or many do not lock the board."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.board.connections import Connection, gives_way
from console.board.routes import api_routes
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import SITE, Node, places
from tests.support import wait_for


class Strict(Connection):
    """Limits that a test need not wait for."""

    request_s = 0.3
    write_s = 0.3
    most = 8


@pytest.fixture
def board(tmp_path):
    node = Node(tmp_path)
    node.fill()
    reader = StoreReader(node.store_path)
    config: dict[str, Any] = {"store_path": str(node.store_path), "places_path": "", "broker": BrokerAddress()}
    app = make_app(reader, as_file(places()), lambda _command: None, BoardConfig(site=SITE, **config))
    with served(app, Strict) as client:
        client.board = app.state.board
        yield client
    reader.close()
    node.close()


@pytest.fixture
def connect(board):
    with contextlib.ExitStack() as stack:

        def open_one(*said: bytes, buffer: int = 0) -> socket.socket:
            made = stack.enter_context(socket.socket())
            if buffer:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            made.settimeout(60)
            made.connect(("127.0.0.1", board.base_url.port))
            for part in said:
                made.sendall(part)
            return made

        yield open_one


def closed(one: socket.socket) -> bool:
    """Wait for the end of a connection, and tell that it came."""
    try:
        while one.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


STREAM = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: local",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 5_000,
        b"POST /api/alerts/al-1/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
    ],
    ids=["nothing", "half a head", "a long head", "half a body", "half a second request"],
)
def test_a_request_that_does_not_end_is_given_up(connect, said):
    assert closed(connect(said))


def test_a_request_that_comes_byte_by_byte_is_given_up(connect):
    drip = connect(b"GET / HTTP/1.1\r\nX: ")
    drip.settimeout(0.02)

    def ended() -> bool:
        try:
            drip.sendall(b"a")
            return drip.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    wait_for(ended, "it is given up although bytes keep coming")


def test_thousands_of_idle_connections_keep_nobody_out(board, connect):
    idle = [connect() for _ in range(300)]
    assert board.get("/healthz").status_code == 200
    assert all(closed(one) for one in idle)


def test_streams_that_are_many_keep_nobody_out(board, connect, monkeypatch):
    monkeypatch.setattr(api_routes, "MAX_STREAMS", 3)
    streams = [connect(STREAM) for _ in range(3)]
    wait_for(lambda: len(board.board.streams) == 3, "three are open")
    with board.stream("GET", "/api/events") as fourth:
        assert fourth.status_code == 200
        assert next(line for line in fourth.iter_lines() if line.startswith("data:"))
        assert closed(streams[0])


def test_a_stream_that_nobody_reads_is_given_up(board, connect, monkeypatch):
    monkeypatch.setattr(board.board.hub, "overview", lambda *_, **__: b"x" * 4_000_000)
    connect(STREAM, buffer=4_096)
    wait_for(lambda: board.board.streams, "it is open")
    wait_for(lambda: not board.board.streams, "it is given up")
    assert board.get("/healthz").status_code == 200


def test_one_that_says_nothing_for_long_between_events_is_kept(board, connect):
    stream = connect(STREAM)
    wait_for(lambda: board.board.streams, "it is open")
    assert closed(connect()), "an idle one is given up after the same time"
    assert b"event: overview" in stream.recv(65_536)
    assert len(board.board.streams) == 1


def test_who_has_most_gives_way_and_of_those_the_oldest():
    class Fake:
        def __init__(self, peer, since):
            self.peer, self.since = peer, since

    many = [Fake("10.0.0.9", since) for since in (5.0, 3.0, 4.0)]
    found = gives_way([Fake("10.0.0.1", 1.0), *many])  # type: ignore[list-item]  # as much of one as is asked
    assert (found.peer, found.since) == ("10.0.0.9", 3.0)
