"""What Grafana does with a panel's queries: fills in variables, asks InfluxDB, and makes series or a table of it.

For what must know the answers without a Grafana at hand: the tests of panels, and `deploy.grafana.pictures`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

from deploy.grafana.panels import Json
from stream.sinks.influx.http import Address

_STEPS_S: Final = tuple(
    unit * count for unit in (1, 60, 3600) for count in (1, 2, 5, 10, 15, 20, 30) if unit * count < 86_400
)
_SHORT: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
Value = float | str | None


class QueryError(RuntimeError):
    """InfluxDB did not answer a query; the text has the query and why."""


@dataclass(frozen=True, slots=True)
class View:
    """What somebody looks at: a span of time, and what is chosen in the variables."""

    begin_ms: int
    end_ms: int
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variable → regular expression; one that is absent stands for all."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    times: list[int]
    """Epoch milliseconds."""
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, as Grafana shows them: time, tags, fields."""

    columns: dict[str, list[Value]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def seconds(text: str) -> int:
    """Return a Grafana interval such as ``5m`` in seconds."""
    return int(text[:-1]) * _SHORT[text[-1]]


def interval_s(view: View, *, least: str = "", points: int = 1000) -> int:
    """Return what ``$__interval`` is: round, at least `least`, so that about `points` fit into the view."""
    wanted = (view.end_ms - view.begin_ms) / 1000 / points
    step = next((one for one in _STEPS_S if one >= wanted), _STEPS_S[-1])
    return max(step, seconds(least) if least else 1)


def filled(query: str, view: View, step_s: int = 60) -> str:
    """Return a query with the variables filled in. Raises `QueryError` where one is left."""
    query = query.replace("$timeFilter", f"time >= {view.begin_ms}ms AND time <= {view.end_ms}ms")
    query = query.replace("$__interval", f"{step_s}s")
    for name in ("site", "beat", "device"):
        query = re.sub(rf"\${name}\b", lambda _, name=name: view.variables.get(name, ".*"), query)  # type: ignore[misc]
    left = re.search(r"\$\w+", query)
    if left is not None:
        raise QueryError(f"{left[0]} has no value in {query}")
    return query


class Influx:
    """Answers InfluxQL, from InfluxDB 1 or 2."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(retries=False, timeout=address.timeout_s)
        self._headers = {"Authorization": f"Token {address.token}"} if address.token else {}
        if address.version == "1" and address.username:
            self._headers = urllib3.make_headers(basic_auth=f"{address.username}:{address.token}")

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the series of an answer, with times in milliseconds. Raises `QueryError`."""
        fields = {"db": self._address.bucket, "q": query, "epoch": "ms"}
        try:
            answer = self._pool.request(
                "POST", f"{self._address.url.rstrip('/')}/query", fields=fields, headers=self._headers,
                encode_multipart=False,
            )  # fmt: skip
            document = json.loads(answer.data)
        except (HTTPError, ValueError) as error:
            raise QueryError(f"{self._address.url} does not answer: {error}") from error
        results = document.get("results", [{}])
        wrong = document.get("error") or document.get("message") or results[0].get("error")
        if answer.status >= 400 or wrong:
            raise QueryError(f"{self._address.url}: status {answer.status}: {wrong}: {query}")
        found: list[dict[str, Any]] = results[0].get("series", [])
        return found

    def series(self, panel: Json, view: View, *, points: int = 1000) -> list[Series]:
        """Return the lines of a chart."""
        out = []
        step_s = interval_s(view, least=panel.get("interval", ""), points=points)
        for target in panel["targets"]:
            for found in self.ask(filled(target["query"], view, step_s)):
                for number, column in enumerate(found["columns"][1:], 1):
                    name = _alias(target.get("alias", ""), found, column)
                    times, values = [row[0] for row in found["values"]], [row[number] for row in found["values"]]
                    out.append(Series(name, times, values))
        return out

    def table(self, panel: Json, view: View) -> Table:
        """Return a table, sorted and in the order of columns that the panel says."""
        columns: dict[str, list[Value]] = {}
        rows = 0
        for found in self.ask(filled(panel["targets"][0]["query"], view)):
            names = ["Time", *found.get("tags", {}), *found["columns"][1:]]
            for values in found["values"]:
                row = [values[0], *found.get("tags", {}).values(), *values[1:]]
                for name, value in zip(names, row, strict=True):
                    columns.setdefault(name, [None] * rows).append(value)
                rows += 1
        for transformation in panel.get("transformations", []):
            if transformation["id"] == "sortBy" and rows:
                for sort in reversed(transformation["options"]["sort"]):
                    columns = _sorted(columns, sort["field"], descending=bool(sort.get("desc")))
            if transformation["id"] == "organize":
                order = transformation["options"]["indexByName"]
                columns = dict(sorted(columns.items(), key=lambda column: order.get(column[0], len(order))))
        return Table(columns)


def _sorted(columns: dict[str, list[Value]], name: str, *, descending: bool) -> dict[str, list[Value]]:
    values = columns[name]
    order = sorted(range(len(values)), key=lambda row: (values[row] is None, values[row]), reverse=descending)
    return {one: [column[row] for row in order] for one, column in columns.items()}


def _alias(alias: str, found: dict[str, Any], column: str) -> str:
    tags = found.get("tags", {})
    if not alias:
        return f"{found['name']}.{column}"
    return re.sub(
        r"\$(tag_)?(\w+)",
        lambda match: tags.get(match[2], "") if match[1] else {"col": column}.get(match[2], ""),
        alias,
    )
