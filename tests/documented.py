"""What docs/devices.md shows: its `mosquitto_pub` lines with what becomes of each, and its places file."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any, NamedTuple

PAGES = {
    tag: Path(__file__).parents[1] / "docs" / name
    for tag, name in (("en", "devices.md"), ("zh-CN", "devices.zh-CN.md"))
}
SITE, BEAT = "station-1", "old-market"
_FATES = {"stored": "stored", "入库": "stored", "ignored": "ignored", "不处理": "ignored"}
_NOW = "'$(date +%s000)'"


class Example(NamedTuple):
    """One line that can be typed."""

    account: str
    topic: str
    payload: str
    retain: bool
    fate: str
    """``stored``, ``ignored``, or the reason with which it is in quarantine."""

    @property
    def device(self) -> str:
        """The device or officer that says it; empty for a dispatch system."""
        return self.topic.split("/")[4] if self.topic.count("/") > 3 else ""


def examples(language: str = "en", *, site: str = SITE, now_ms: int | None = None) -> list[Example]:
    """Return the lines of the page in its order, at a site of another id and at another time where those are given."""
    now = str(now_ms or time.time_ns() // 1_000_000)
    found = re.findall(r"^# → (.+)\n(mosquitto_pub .+)$", PAGES[language].read_text(encoding="utf-8"), re.MULTILINE)
    return [_example(fate, line.replace(_NOW, now).replace("/station-1/", f"/{site}/")) for fate, line in found]


def places(language: str = "en") -> dict[str, Any]:
    """Return the places file of the page: it knows the devices of `examples`."""
    (text,) = re.findall(
        r"^```json\n(\{.+?)\n```$", PAGES[language].read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    document: dict[str, Any] = json.loads(text)
    return document


def _example(fate: str, line: str) -> Example:
    words = shlex.split(line)
    assert words[:2] == ["mosquitto_pub", "$B"], line
    given = {flag: words[words.index(flag) + 1] for flag in ("-u", "-t", "-m")}
    fate = _FATES.get(fate) or re.split(": |：", fate)[1]
    return Example(given["-u"], given["-t"], given["-m"], "-r" in words, fate)
