"""Sending lines to InfluxDB: 2.x through influxdb-client, 1.x through its own write endpoint.

influxdb-client's synchronous write API takes bytes as they are and is as fast as the server; its batching API, which
goes through an object and several queues for every line, is not used. It knows nothing of 1.x's ``/write``, whose
user, database and retention policy it cannot say, so that is a plain request.
"""

import contextlib
import gzip
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from ingest.setup.extras import load
from stream.sinks.influx.address import Address

_EXPIRED: Final = "beyond retention policy"
_REFUSED: Final = {
    401: "the token, or the user's password, is wrong",
    403: "the token, or the user, may not write there",
    404: "there is no such bucket, database or organization; `patrolgrid influx setup` makes it",
}


class UnavailableError(ConnectionError):
    """InfluxDB did not take a batch for a reason that has nothing to do with it; ``after_s`` is when to try again."""

    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class RefusedError(ValueError):
    """InfluxDB refused lines of a batch for what stands in them. Others of the same batch may have gone in."""


class ExpiredError(ValueError):
    """Lines were older than the server keeps; it took the others."""


class Endpoint(Protocol):
    """Takes a batch of lines."""

    def write(self, body: bytes) -> None:
        """Write lines, second precision. Returns when the server has them. Two threads may write at once.

        Raises `RefusedError` for what stands in the lines, `ExpiredError`, and `UnavailableError` for all else.
        """

    def close(self) -> None:
        """Release connections."""


def connect(address: Address) -> Endpoint:
    """Return the endpoint for an address. Nothing is sent yet."""
    return OneEndpoint(address) if address.version == "1" else TwoEndpoint(address)


class OneEndpoint:
    """InfluxDB 1.x: ``POST /write``."""

    def __init__(self, address: Address) -> None:
        self._address = address
        timeout = urllib3.Timeout(connect=min(5.0, address.timeout_s), read=address.timeout_s)
        self._pool = urllib3.PoolManager(maxsize=2, retries=False, timeout=timeout)
        fields = {"db": address.bucket, "precision": "s", **({"rp": address.retention} if address.retention else {})}
        self._url = f"{address.url.rstrip('/')}/write?{urlencode(fields)}"
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if address.username:
            # Not in the query, where it would stand in logs.
            self._headers |= urllib3.make_headers(basic_auth=f"{address.username}:{address.read_secret('token')}")
        if address.gzip:
            self._headers["Content-Encoding"] = "gzip"

    def write(self, body: bytes) -> None:
        """Write lines; see `Endpoint.write`."""
        sent = gzip.compress(body, 1) if self._address.gzip else body
        try:
            response = self._pool.request("POST", self._url, body=sent, headers=self._headers)
        except HTTPError as error:
            raise UnavailableError(f"{self._address.url}: cannot be reached: {error}") from error
        if response.status not in {200, 204}:
            raise failure(self._address, response.status, response.data, response.headers)

    def close(self) -> None:
        """Release connections."""
        self._pool.clear()


class TwoEndpoint:
    """InfluxDB 2.x, and what speaks its write API: through influxdb-client."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._refusal: type[Any] = load("influxdb_client.rest").ApiException  # slow to import, and only needed here
        self._client: Any = load("influxdb_client").InfluxDBClient(
            address.url,
            address.read_secret("token"),
            org=address.org,
            enable_gzip=address.gzip,
            timeout=round(address.timeout_s * 1000),
            retries=urllib3.Retry(0, redirect=0),
        )
        self._api: Any = self._client.write_api(write_options=load("influxdb_client.client.write_api").SYNCHRONOUS)

    def write(self, body: bytes) -> None:
        """Write lines; see `Endpoint.write`."""
        address = self._address
        try:
            self._api.write(bucket=address.bucket, org=address.org, record=body, write_precision="s")
        except self._refusal as error:
            if error.status is None:
                raise UnavailableError(f"{address.url}: {error}") from error
            raise failure(address, int(error.status), error.body, error.headers or {}) from error
        except (HTTPError, OSError) as error:
            raise UnavailableError(f"{address.url}: cannot be reached: {error}") from error

    def close(self) -> None:
        """Release connections."""
        self._api.close()
        self._client.close()


def failure(address: Address, status: int, body: object, headers: Mapping[str, str]) -> Exception:
    """Return what an answer other than success means."""
    message = _message(body)
    if status in {400, 413, 422}:
        return ExpiredError(message) if _EXPIRED in message else RefusedError(message or f"status {status}")
    hint = f"; {_REFUSED[status]}" if status in _REFUSED else ""
    after_s = 0.0
    with contextlib.suppress(TypeError, ValueError):
        after_s = max(float(headers.get("Retry-After") or 0), 0.0)
    where = f"{address.url} ({'database' if address.version == '1' else 'bucket'} {address.bucket})"
    return UnavailableError(f"{where}: status {status}: {message}{hint}", after_s)


def _message(body: object) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    with contextlib.suppress(ValueError):
        document = json.loads(text)
        if isinstance(document, dict):
            text = str(document.get("message") or document.get("error") or text)
    return text.strip()[:400]
