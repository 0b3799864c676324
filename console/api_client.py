"""Reads a board's API from a notebook or a script: pages, retries, times as datetimes.

It stands on the standard library alone and on nothing else of ours, so that the file can be copied to where no
PatrolGrid is installed. docs/api.md shows five lines that fetch a week of alerts.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

Row = dict[str, Any]
When = str | int | date | datetime
"""A day (2026-11-23: of the site), a time with or without a zone, or epoch milliseconds."""
TABLES: Final = {
    "alerts": "/api/alerts",
    "incidents": "/api/incidents",
    "anomalies": "/api/anomalies",
    "windows": "/api/windows",
    "maps": "/api/hotspots/maps",
}
"""What `BoardReader.rows` gives, and where it is."""
_MOST: Final = {"windows": 5000, "maps": 100}
_TIMES: Final = frozenset({"ts", "start"})
_SCHEME: Final = "Bearer "
_TRIES: Final = 5
_AGAIN: Final = frozenset({429, 502, 503, 504})
_LONGEST_S: Final = 60.0
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class BoardError(Exception):
    """The board has refused a request: its status, its word for programs, and its sentence for people."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status, self.error, self.message = status, error, message


class BoardReader:
    """A board, as a program reads it.

    Parameters
    ----------
    url
        Its address, such as ``https://10.1.2.3:8060``; empty: what ``PATROLGRID_BOARD`` says.
    token
        Of ``patrolgrid people token``; empty: what ``PATROLGRID_TOKEN`` says, so that no notebook holds it. A site
        without accounts needs none.
    ca
        File with the certificate of the site's authority (``https://BOARD/ca.crt``, its fingerprint compared); empty:
        what ``PATROLGRID_CA`` says, else those that this machine trusts.
    plain
        Send the token over HTTP to another machine, where something else keeps the way closed.
    sleep
        Waits between tries.

    Raises
    ------
    ValueError
        For an address that is none, and for a token that would go over a network in the clear.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        ca: str = "",
        *,
        plain: bool = False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = (url or os.environ.get("PATROLGRID_BOARD", "")).strip().rstrip("/")
        self._token = (token or os.environ.get("PATROLGRID_TOKEN", "")).strip()
        parts = self._parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"url is {self.url!r}, expected the board's address, such as https://10.1.2.3:8060")
        if self._token and parts.scheme == "http" and parts.hostname not in _HERE and not plain:
            raise ValueError(f"{self.url}: the token would go over the network for all to read; expected https://")
        self._tls = ssl.create_default_context(cafile=ca or os.environ.get("PATROLGRID_CA") or None)
        self._sleep = sleep
        self._zone: tzinfo | None = None

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        if self._zone is None:
            self._zone = ZoneInfo(self.get("/api/me")["site"]["timezone"])
        return self._zone

    def rows(
        self, table: str, since: When | None = None, until: When | None = None, **filters: object
    ) -> Iterator[Row]:
        """Yield all rows of a table, newest first, page by page.

        `table` is one of `TABLES`; `filters` are what docs/api.md names, such as ``kind="surge"`` or
        ``beat=["b1", "b2"]``. Keys that end in ``_ms``, ``ts`` and ``start`` become datetimes of the site's zone, the
        former without their ending; 0 becomes None. Raises as `get` does, and KeyError for an unknown table.
        """
        asked = {"limit": _MOST.get(table, 1000), **filters}
        asked |= {name: _time(value) for name, value in (("from", since), ("to", until)) if value is not None}
        path, after = TABLES[table], ""
        while after is not None:
            page = self.get(path, **asked, **({"after": after} if after else {}))
            for row in page[table]:
                yield with_times(row, self.zone)
            after = page["next"]

    def get(self, path: str, **parameters: object) -> Row:
        """Return what the board answers, as it is. What may be otherwise in a moment is asked again a few times.

        Raises `BoardError` for a refusal, OSError where the board cannot be reached.
        """
        query = urllib.parse.urlencode({name: _text(value) for name, value in parameters.items()}, doseq=True)
        for tries in range(1, _TRIES + 1):
            try:
                return self._ask(f"{path}?{query}" if query else path)
            except BoardError as error:
                if error.status not in _AGAIN or tries == _TRIES:
                    raise
            except (OSError, http.client.HTTPException) as error:
                if tries == _TRIES or isinstance(error, ssl.SSLCertVerificationError):
                    raise OSError(f"{self.url}: {error}") from error
            self._sleep(2.0 ** (tries - 1))
        raise AssertionError("the last try returns or raises")

    def _ask(self, address: str) -> Row:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = _SCHEME + self._token
        host, port = str(self._parts.hostname), self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_LONGEST_S, context=self._tls)
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_LONGEST_S)
        )
        with contextlib.closing(connection):
            connection.request("GET", f"{self._parts.path}{address}", headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        try:
            found: Row = json.loads(content)
        except ValueError as error:
            raise BoardError(answer.status, "", f"{answer.reason}; no board answered, but: {content[:80]!r}") from error
        if answer.status != 200:
            raise BoardError(answer.status, str(found.get("error", "")), str(found.get("message", answer.reason)))
        return found


def with_times(row: Mapping[str, Any], zone: tzinfo = UTC) -> Row:
    """Return a row whose times are datetimes, see `BoardReader.rows`.

    >>> with_times({"raised_ms": 1795420800000, "ends_ms": 0, "history": [{"ts": 1000}]})["raised"].isoformat()
    '2026-11-23T08:00:00+00:00'
    """
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, list):
            found[name] = [with_times(one, zone) if isinstance(one, dict) else one for one in value]
        elif isinstance(value, int) and (name in _TIMES or name.endswith("_ms")):
            found[name.removesuffix("_ms")] = datetime.fromtimestamp(value / 1000, zone) if value else None
        else:
            found[name] = value
    return found


def _time(when: When) -> str | int:
    return when.isoformat() if isinstance(when, date) else when


def _text(value: object) -> object:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value).lower() if isinstance(value, bool) else value
    return [str(one) for one in value]
