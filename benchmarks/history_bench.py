"""A year of alerts asked for over the board's API: processor time of each answer, store, sentences and JSON included.

Also what it costs to write them so that they are found, and what the board looks at and sends while 300 are open.
"""

import asyncio
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from console.board import overview
from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.login import BrokerAddress
from stream.results import Alert, Results
from stream.sinks.store.alert_tables import write_alerts
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.console.fake_places import as_file
from tests.console.stores import SITE, places
from tests.stream import make_results as make

_YEAR_MS: Final = 365 * 86_400_000
_KINDS: Final = ("surge", "deficit", "dead", "noise_high", "door_open", "smoke", "fall", "loitering", "silent")
_QUESTIONS: Final = {
    "yesterday": "from=2026-11-22&to=2026-11-22",
    "last_month": "from=2026-10-01&to=2026-10-31",
    "year": "from=2025-11-23",
    "year_device": "device=cam-7",
    "year_person": "person=Zhang",
    "year_kind_beat": "kind=smoke&beat=b3&severity=critical",
    "year_reason": "reason=any",
    "year_word": "text=狗",
    "year_no_such_word": "text=火车站",
}


def run(quick: object) -> dict[str, Any]:
    """Return milliseconds of processor time by question, of the first page and of the counts by day."""
    n = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        StoreSink(path, SITE).close()
        begun = time.process_time()
        _fill(path, n)
        found: dict[str, Any] = {
            "alerts": n,
            "write_us": {"value": round((time.process_time() - begun) / n * 1e6), "unit": "us/alert"},
        }
        found |= asyncio.run(_ask_all(path))
        found |= _flood(path, n)
    return found


def _fill(path: Path, n: int) -> None:
    rng = random.Random(1)
    with sqlite3.connect(path) as connection:
        for first in range(0, n, 1000):
            alerts = [_alert(rng, make.T0 - _YEAR_MS + i * _YEAR_MS // n, i) for i in range(first, first + 1000)]
            write_alerts(connection, [Results(first, 0, 0, [], alerts=alerts)])
    connection.close()


def _alert(rng: random.Random, raised_ms: int, i: int) -> Alert:
    device, wrong = f"cam-{rng.randrange(60)}", rng.random() < 0.1
    return make.alert(
        f"{rng.getrandbits(64):016x}",
        2,
        kind=rng.choice(_KINDS),
        device=device,
        beat=f"b{rng.randrange(8)}",
        severity=rng.choice(("info", "warning", "critical")),
        raised_ms=raised_ms,
        changed_ms=raised_ms + 600_000,
        state=rng.choice(("cleared", "expired")),
        by=rng.choice(("", "Li Wei 李伟", "Zhang", "wang")),
        note="一只狗跑过去了" if i % 5000 == 7 else rng.choice(("", "on my way")),
        reason="animal" if wrong else "",
        place={"en": f"Gate {device}, Long Street", "zh-CN": f"长街{device}号门"},
    )


async def _ask_all(path: Path) -> dict[str, Any]:
    config = BoardConfig(site=SITE, store_path=str(path), places_path="", broker=BrokerAddress(), hosts=("board",))
    app = make_app(StoreReader(path), as_file(places()), lambda _command: None, config)
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://board") as client:
        await client.get("/api/alerts?limit=5")  # sentences are loaded once
        for name, query in _QUESTIONS.items():
            for what, address in (("page", f"/api/alerts?limit=100&{query}"), ("days", f"/api/alerts/days?{query}")):
                begun = time.process_time()
                answer = await client.get(address)
                spent = round((time.process_time() - begun) * 1000, 1)
                answer.raise_for_status()
                found[f"{name}_{what}"] = {"value": spent, "unit": "ms", "target": 200, "at_most": True}
        for name, shift in (("shift_yesterday", "day-2026-11-22"), ("shift_a_year_ago", "day-2025-12-20")):
            begun = time.process_time()
            answer = await client.get(f"/api/shift?shift={shift}")
            spent = round((time.process_time() - begun) * 1000, 1)
            answer.raise_for_status()
            found[name] = {"value": spent, "unit": "ms", "target": 200, "at_most": True}
        begun = time.process_time()
        answer = await client.get("/api/alerts.csv?from=2026-10-01&to=2026-10-31")
        rows = max(answer.text.count("\n") - 1, 1)
        found["csv"] = {"value": round((time.process_time() - begun) / rows * 1e6), "unit": "us/row"}
    app.state.board.asker.close()
    return found


def _flood(path: Path, n: int) -> dict[str, Any]:
    with sqlite3.connect(path) as connection:
        alerts = [make.alert(f"open-{i}", kind="silent", raised_ms=make.T0 + i) for i in range(300)]
        write_alerts(connection, [Results(n, 0, 0, [], alerts=alerts)])
    connection.close()
    reader = StoreReader(path)
    look = overview.take(reader)  # sentences of the open ones are made
    begun = time.process_time()
    look = overview.take(reader)
    spent = round((time.process_time() - begun) * 1000, 1)
    reader.close()
    return {
        "flood_look": {"value": spent, "unit": "ms", "note": "each look at the store while 300 alerts are open"},
        "flood_bytes": len(msgspec.json.encode(look.alerts)) + len(msgspec.json.encode(look.more_alerts)),
    }
