"""Real InfluxDB servers on the loopback interface, each in a folder of its own, and what came out of them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from stream.sinks.influx.address import Address
from tests.support import free_port

HINT = "run `make services`"
_HTTP = urllib3.PoolManager(retries=False, timeout=20)
TOKEN = "test-token-of-nobody"  # noqa: S105 - of a server that lives as long as a test

_ONE = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
  logging-enabled = false
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[coordinator]
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "error"
"""


def two_path() -> Path | None:
    """Return InfluxDB 2.7, where `make services` has built it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for path in (cache / "patrolgrid" / "bin" / "influxd-2.7", shutil.which("influxd2")):
        if path is not None and Path(path).exists():
            return Path(path)
    return None


def missing(name: str) -> None:
    """Skip, or fail in CI."""
    reason = f"{name} is not here; {HINT}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """One server; `start` after `stop` goes on with the same data and port."""

    version = ""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        """Make what a new server needs."""

    def start(self) -> None:
        environment = {**os.environ, "INFLUXD_CONFIG_PATH": str(self.folder), "HOME": str(self.folder)}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=environment)
        until = time.monotonic() + 60
        while True:
            try:
                if _HTTP.request("GET", f"{self.url}/ping").status == 204:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"InfluxDB did not start: {(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(60)
            self.process = None

    def address(self, bucket: str, **more: Any) -> Address:
        raise NotImplementedError

    def database(self, name: str) -> None:
        raise NotImplementedError

    def series(self, database: str, *statements: str) -> list[list[dict[str, Any]]]:
        """Answer InfluxQL queries, in one request: the series of each. AssertionError has its error."""
        sent = {"db": database, "q": ";".join(statements), "epoch": "ms"}
        answer = _HTTP.request("POST", f"{self.url}/query", fields=sent, headers=self.headers(), encode_multipart=False)
        document = json.loads(answer.data)
        assert answer.status == 200, (answer.status, document, statements)
        results = document["results"]
        for result in results:
            assert "error" not in result, (result, statements)
        return [result.get("series", []) for result in results]

    def query(self, database: str, statement: str) -> list[dict[str, Any]]:
        """Answer an InfluxQL query, or several: a dict a row, with its series' tags. AssertionError has its error."""
        rows = []
        for series in itertools.chain(*self.series(database, statement)):
            head = {"measurement": series.get("name"), **series.get("tags", {})}
            rows += [head | dict(zip(series["columns"], values, strict=True)) for values in series.get("values", [])]
        return rows

    def headers(self) -> dict[str, str]:
        return {}


class One(Server):
    """InfluxDB 1.6, as Debian ships it."""

    version = "1"

    def command(self) -> list[str]:
        path = shutil.which("influxd") or shutil.which("influxd", path="/usr/sbin:/usr/local/bin")
        assert path is not None
        config = self.folder / "influxdb.conf"
        config.write_text(_ONE.format(folder=self.folder, port=self.port, rpc=free_port()))
        return [path, "-config", str(config)]

    def address(self, bucket: str, **more: Any) -> Address:
        return Address(**{"url": self.url, "bucket": bucket, "version": "1"} | more)

    def database(self, name: str) -> None:
        answer = _HTTP.request("POST", f"{self.url}/query", fields={"q": f'CREATE DATABASE "{name}"'})
        assert answer.status == 200, answer.data


class Two(Server):
    """InfluxDB 2.7."""

    version = "2"

    def command(self) -> list[str]:
        return [
            str(two_path()), "--http-bind-address", f"127.0.0.1:{self.port}", "--bolt-path", f"{self.folder}/bolt",
            "--engine-path", f"{self.folder}/engine", "--sqlite-path", f"{self.folder}/sqlite",
            "--reporting-disabled", "--log-level", "error",
        ]  # fmt: skip

    def prepare(self) -> None:
        body = {"username": "admin", "password": "admin-of-nobody", "org": "pg", "bucket": "first", "token": TOKEN}
        answer = _HTTP.request("POST", f"{self.url}/api/v2/setup", json=body)
        assert answer.status == 201, answer.data

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {TOKEN}"}

    def address(self, bucket: str, **more: Any) -> Address:
        return Address(**{"url": self.url, "bucket": bucket, "version": "2", "org": "pg", "token": TOKEN} | more)

    def database(self, name: str) -> None:
        orgs = json.loads(_HTTP.request("GET", f"{self.url}/api/v2/orgs", headers=self.headers()).data)["orgs"]
        body = {"name": name, "orgID": orgs[0]["id"], "retentionRules": []}
        answer = _HTTP.request("POST", f"{self.url}/api/v2/buckets", json=body, headers=self.headers())
        assert answer.status == 201, answer.data
        # Since 2.x a bucket answers InfluxQL under its own name without a mapping.


def found(kind: type[Server]) -> None:
    """Skip where a kind of server is missing."""
    if kind is One and not (shutil.which("influxd") or shutil.which("influxd", path="/usr/sbin:/usr/local/bin")):
        missing("InfluxDB 1.x (influxd)")
    if kind is Two and two_path() is None:
        missing("InfluxDB 2.7")


@contextmanager
def running(kind: type[Server], folder: Path) -> Iterator[Server]:
    """Run a server while the block runs."""
    found(kind)
    server = kind(folder)
    server.start()
    try:
        server.prepare()
        yield server
    finally:
        server.stop(kill=True)
