"""Milesight: people counters of the VS12x and VS13x series, which publish JSON by MQTT or post it.

A report has up to three figures for a line: what passed in its interval (``line_periodic_data``), the totals
(``line_total_data``), and, after a passage, the totals again (``line_trigger_data``). They say the same thing, so the
totals are gone by where they come: they lose nothing while the network is away. How many are in a region is occupancy.
Source: the vendor's documents of the VS121, VS125 and VS13x, and public receivers of them.
"""

import re
from datetime import timedelta, timezone, tzinfo
from typing import ClassVar, Final, NamedTuple

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_ZONE: Final = re.compile(r"(?:UTC|GMT)\s?([+-])([0-9]{1,2}):([0-9]{2})")
_MOST_LINES: Final = 64
_HOUR: Final = timedelta(hours=1)


class _Figures(NamedTuple):
    came: int
    went: int


class _Report(NamedTuple):
    ts: int | None
    interval_s: float | None
    """Of an interval's report."""
    backfill: bool
    name: str
    """What tells it from others where its clock was never set."""


class Milesight(Codec):
    """Counts of lines, and how many are in a region."""

    name = "milesight"
    binds: ClassVar = {
        "match": "the topic or path that the counter sends to, its serial number (device_sn), or its account",
        "part": "`1` for line 1, `region 1` for a region, or its name; else left out",
        "meaning": "`total` to go by running totals alone, `interval` by what each report says passed; else both are "
        "compared",
    }

    def read(self, message: VendorMessage) -> None:
        """Say what every line and region of a report counted."""
        said = read_json(message.payload)
        for one in _objects(said):
            self._report(one)
        if not _objects(said):
            raise UnreadableError(Reason.TYPE, "no object, expected a counter's report")

    def _report(self, said: Json) -> None:
        device, time = _object(said.get("device_info")), _object(said.get("time_info"))
        serial, mac = _word(device.get("device_sn")), _word(device.get("device_mac")).lower()
        topic = self._message.topic
        bound = self.bindings.find(
            self.name, *filter(None, (self._message.sender, topic, topic.removeprefix("/"), serial, mac))
        )
        regions = _regions(said)
        if not bound:
            self.stranger(serial or self._message.topic, guess="camera")
            return
        zone = self._zone(time)
        start, end = (instant_ms(time.get(name), zone) for name in ("start_time", "end_time"))
        ts = end or instant_ms(time.get("time"), zone) or instant_ms(said.get("time"), zone)
        seconds = (end - start) / 1000 if start and end and end > start else None
        kind = _word(said.get("report_type")).lower()
        resent = "retrans" in kind or "history" in kind or said.get("retransmission") is True
        name = "" if ts else "/".join(_word(time.get(one)) for one in ("start_time", "end_time") if time.get(one))
        report = _Report(ts, seconds, resent, name)
        lines: dict[str, dict[str, Json]] = {}
        for name in ("line_periodic_data", "line_total_data", "line_trigger_data"):
            for one in _objects(said.get(name))[:_MOST_LINES]:
                lines.setdefault(_word(one.get("line")) or _word(one.get("line_name")), {})[name] = one
        for line, figures in lines.items():
            names = {_word(one.get(key)) for one in figures.values() for key in ("line_name", "line_uuid")}
            binding = part_of(bound, line, "line " + line, *sorted(names - {""}))
            if binding is None:
                self.stranger(serial or self._message.topic, line, guess="camera")
            elif binding.meaning != "ignore":
                self._line(binding, figures, report, f"{binding.device}/{serial or self._message.topic}/{line}")
        for one in regions[:_MOST_LINES]:
            region = _word(one.get("region")) or _word(one.get("region_name"))
            binding = part_of(bound, "region " + region, _word(one.get("region_name")), region)
            number = self.number(_total(one).get("current_total", one.get("current_total")))
            if binding is not None and binding.meaning != "ignore" and number is not None:
                self.level(binding, ts, "occupancy", number, backfill=report.backfill)
        if not lines and not regions:
            self.tell("no_news")

    def _line(self, binding: Binding, said: dict[str, Json], report: _Report, key: str) -> None:
        now = _figures(said.get("line_periodic_data"), "in", "out")
        total = _figures(said.get("line_total_data"), "in_counted", "out_counted")
        total = total or _figures(said.get("line_trigger_data"), "in", "out")
        if binding.meaning == "interval":
            total = None
        elif binding.meaning == "total":
            now = None
        if total is not None:
            before = self._meaning.told["resent"]
            ts = report.ts or self._message.received_ms
            step = increment(self, key[:120], ts, {"in": total.came, "out": total.went})
            if self._meaning.told["resent"] > before:
                return
            counted = None if step is None else _Figures(step.counted.get("in", 0), step.counted.get("out", 0))
            if step is not None and counted is not None:
                same = counted == now and report.interval_s is not None
                if report.ts or any(counted):
                    self.count(
                        binding, report.ts, interval_s=report.interval_s if same else step.interval_s,
                        came=counted.came, went=counted.went, of_total=True, backfill=report.backfill,
                    )  # fmt: skip
                return
        if now is None:
            if total is None:
                self.tell("no_news")
            return
        # The totals have only begun, or are not gone by.
        self.count(
            binding, report.ts, interval_s=report.interval_s, came=now.came, went=now.went, backfill=report.backfill,
            identity=report.name and f"{report.name} {key}",
        )  # fmt: skip

    def _zone(self, time: Json) -> tzinfo:
        """Return the zone of a counter's times: as it names it, else the site's."""
        found = _ZONE.search(_word(time.get("time_zone")) or _word(time.get("timezone")))
        if found is None:
            return self.zone
        shift = timedelta(hours=int(found[2]), minutes=int(found[3])) * (-1 if found[1] == "-" else 1)
        if time.get("dst_status") in (True, "true", "1"):
            shift += _HOUR
        return timezone(shift) if abs(shift) < timedelta(hours=20) else self.zone


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()[:64]


def _total(said: Json) -> dict[str, Json]:
    """Return the figures of all ages where a counter tells children apart; groups are no more people."""
    found = said.get("total")
    return found if isinstance(found, dict) else said


def _figures(said: Json, came: str, went: str) -> _Figures | None:
    if said is None:
        return None
    found = _total(said)
    numbers = [Codec.number(found.get(name)) for name in (came, went)]
    if all(number is None for number in numbers):
        return None
    if any(number is not None and (number < 0 or number != int(number)) for number in numbers):
        raise UnreadableError(Reason.RANGE, "a line's figures are no whole numbers from 0")
    return _Figures(*(int(number or 0) for number in numbers))


def _regions(said: Json) -> list[dict[str, Json]]:
    """Return the regions of a report, under whatever name its firmware has them."""
    places = (said, _object(said.get("region_data")), _object(said.get("region_trigger_data")))
    return [one for place in places for one in _objects(place.get("region_count_data"))]
