"""What an operation declares is what a request may say: the rest is refused by name."""

from types import SimpleNamespace
from typing import Annotated

import anyio
import msgspec
import pytest
from starlette.requests import Request

from console.board.answers import ApiError
from console.board.operations import Operation, Query, Since, Until, asked, route
from ingest.observations import LATEST_MS

DAY_MS = 86_400_000
MIDNIGHT = 1_795_363_200_000
"""2026-11-23 at midnight in Shanghai."""


class Wanted(Query, frozen=True):
    kind: tuple[str, ...] = ()
    open: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5
    hours: Annotated[float, msgspec.Meta(gt=0, le=48)] = 1.0
    since: Since | None = msgspec.field(name="from", default=None)
    until: Until | None = msgspec.field(name="to", default=None)


def ask(query: str) -> Wanted:
    found = []

    async def endpoint(request):
        found.append(asked(request, Wanted))

    state = SimpleNamespace(board=SimpleNamespace(config=SimpleNamespace(timezone="Asia/Shanghai")))
    request = Request({"type": "http", "query_string": query.encode(), "app": SimpleNamespace(state=state)})
    anyio.run(route(Operation(path="/x", endpoint=endpoint, says="", query=Wanted)).endpoint, request)
    return found[0]


def test_what_is_declared_comes_with_its_type():
    assert ask("") == Wanted()
    assert ask("kind=surge&kind=fire&open=1&limit=7&hours=0.5&lang=en") == Wanted(
        kind=("surge", "fire"), open=True, limit=7, hours=0.5
    )


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        ("from=2026-11-23", MIDNIGHT),
        ("to=2026-11-23", MIDNIGHT + DAY_MS),
        ("from=2026-11-23T08:00:00", MIDNIGHT + DAY_MS // 3),
        ("to=2026-11-23T08:00:00", MIDNIGHT + DAY_MS // 3),
        ("from=2026-11-22T16:00:00Z", MIDNIGHT),
        ("from=2026-11-23T00:00:00%2B08:00", MIDNIGHT),
        ("from=2026-11-23T00:00:00+08:00", MIDNIGHT),
        (f"from={MIDNIGHT}", MIDNIGHT),
        (f"from={MIDNIGHT // 1000}", MIDNIGHT),
        ("from=0", 0),
        ("from=0001-01-01", 0),
        ("from=1900-01-01", 0),
        ("to=3000-01-01", LATEST_MS),
    ],
)
def test_times_are_told_in_several_ways_and_days_are_the_sites(given, ms):
    found = ask(given)
    assert (found.since if given.startswith("from") else found.until) == ms


@pytest.mark.parametrize(
    ("query", "key", "word"),
    [
        ("knid=surge", "unknown_parameter", "knid"),
        ("since=2026-11-23", "unknown_parameter", "since"),
        ("limit=5&limit=6", "repeated_parameter", "limit"),
        ("limit=0", "bad_parameter", "limit"),
        ("limit=1.5", "bad_parameter", "limit"),
        ("limit=", "bad_parameter", "limit"),
        ("hours=nan", "bad_parameter", "hours"),
        ("hours=inf", "bad_parameter", "hours"),
        ("open=perhaps", "bad_parameter", "open"),
        ("from=yesterday", "bad_parameter", "from"),
        ("from=2026-02-30", "bad_parameter", "from"),
        ("to=9999-12-31", "bad_parameter", "to"),
        ("from=99999999999999999999", "bad_parameter", "from"),
        ("from=%F0%9F%9A%93", "bad_parameter", "from"),
        ("from=-1", "bad_parameter", "from"),
    ],
)
def test_what_is_not_declared_is_refused_by_name(query, key, word):
    with pytest.raises(ApiError) as error:
        ask(query)
    assert (error.value.status, error.value.key, error.value.values["name"]) == (422, key, word)
