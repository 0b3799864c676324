"""A site's store and the InfluxDB sink behind it, as a node has them, and an endpoint that does as it is told."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from msgspec.structs import replace

from stream.sinks.influx.address import Address
from stream.sinks.influx.http import RefusedError, UnavailableError
from stream.sinks.influx.sink import InfluxSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink


class Fake:
    """An endpoint that does as it is told."""

    def __init__(self):
        self.bodies: list[bytes] = []
        self.errors: deque[Exception] = deque()
        self.bad = b"\0"
        self.away = threading.Event()

    def write(self, body):
        if self.away.is_set():
            raise UnavailableError("away")
        if self.errors:
            raise self.errors.popleft()
        if self.bad in body:
            raise RefusedError("bad line")
        self.bodies.append(body)

    def close(self):
        pass

    @property
    def lines(self):
        return [line for body in self.bodies for line in body.decode().split("\n")]


class Site:
    """A store and the sink behind it, as a node has them."""

    def __init__(self, folder, address=None, **more):
        self.folder, self.fake, self.refused = folder, Fake(), []
        self.more: dict[str, Any] = {} if address is not None else {"connect_to": lambda _: self.fake}
        address = address or Address(url="http://127.0.0.1:1", bucket="x")
        self.address = replace(address, **{"batch_lines": 100, "max_wait_s": 0.05} | more)
        self.open()

    def open(self):
        self.store = StoreSink(self.folder / "store.db", "s1")
        self.sink = InfluxSink(
            self.address,
            "s1",
            backlog_path=self.folder / "influx.db",
            store=StoreReader(self.folder / "store.db"),
            refused=self.refused.extend,
            **self.more,
        )

    def write(self, *written):
        self.store.write(written)
        self.sink.write(written)
        self.sink.flush()

    def close(self):
        self.sink.close()
        self.store.close()
