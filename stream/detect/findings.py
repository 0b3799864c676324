"""From a finding to people: an anomaly for the record, and a notice for the site, which makes an alert of it."""

from collections import Counter
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

import msgspec

from ingest.places import Places
from ingest.vocabulary import ALERT_KINDS, COUNT_ALERTS, AnomalyDirection
from models.state import Saved, value
from stream.alerts.standing import says_more
from stream.detect.planned import Planned
from stream.results import Anomaly, Names, Notice
from stream.sentences import Why
from stream.windows.axes import DEVICE
from stream.windows.catalog import Catalog
from stream.windows.quality import Quality

_MOST_ANOMALIES: Final = 4
"""Anomalies kept of one condition: a device counts people and vehicles, a detector reports a level and a state."""
_EACH_END: Final = 16
"""Findings of one device and kind that are told of one record: so many of the first, and of the last."""
_Found = TypeVar("_Found", Anomaly, Notice)


class ActiveConditions(Saved):
    """Conditions a shard has reported that are not over yet, by (device, kind)."""

    _since = value(dict[tuple[str, str], int])
    """Event time of the cause, epoch ms."""
    _anomalies = value(dict[tuple[str, str], list[Anomaly]])
    """Anomalies at their strangest, so that each can be completed when the condition is over."""

    def begin(self, device: str, kind: str, cause_ms: int) -> None:
        """Note that a condition has begun; what is noted already keeps its time."""
        self._since.setdefault((device, kind), cause_ms)

    def end(self, device: str, kind: str) -> bool:
        """Forget a condition; tell whether it was noted."""
        return self._since.pop((device, kind), None) is not None

    def has(self, device: str, kind: str) -> bool:
        """Tell whether a condition is noted."""
        return (device, kind) in self._since

    def begun_before(self, kinds: frozenset[str], end_ms: int) -> list[tuple[tuple[str, str], int]]:
        """Return the (device, kind) of some kinds whose cause is older than `end_ms`, each with its cause's time.

        In the order of `begin`.
        """
        return [item for item in self._since.items() if item[0][1] in kinds and item[1] < end_ms]

    def of(self, devices: AbstractSet[str]) -> list[tuple[str, str]]:
        """Return the (device, kind) of some devices' conditions, in the order of `begin`."""
        return [key for key in self._since if key[0] in devices]

    def began(self, device: str, kind: str, metric: str) -> int | None:
        """Return since when a condition that is not over shows in one metric; None where it does not."""
        kept = self.kept(device, kind, metric)
        return None if kept is None else kept.ts

    def kept(self, device: str, kind: str, metric: str) -> Anomaly | None:
        """Return the newest anomaly of a condition that is not over, in one metric."""
        found = self._anomalies.get((device, kind), ())
        return next((one for one in reversed(found) if one.metric == metric), None)

    def add(self, anomaly: Anomaly) -> None:
        """Keep an anomaly; of several states of the same one that which says most, or is least probable."""
        found = self._anomalies.setdefault((anomaly.device, anomaly.kind), [])
        same = [one for one in found if (one.metric, one.ts) == (anomaly.metric, anomaly.ts)]
        if not same:
            del found[: len(found) + 1 - _MOST_ANOMALIES]
            found.append(anomaly)
            return
        more = says_more(anomaly.kind, anomaly.why, same[0].why)
        if more or (more is None and not same[0].p <= anomaly.p):
            found[found.index(same[0])] = anomaly

    def anomalies(self, device: str, kind: str) -> list[Anomaly]:
        """Return what is kept of a condition that goes on."""
        return self._anomalies.get((device, kind), [])

    def take_anomalies(self, device: str, kind: str) -> list[Anomaly]:
        """Return the anomalies of a condition that is over, and forget them."""
        return self._anomalies.pop((device, kind), [])


class Findings:
    """Collects what the stages of one record find; knows the devices' places, beats and quality for it.

    The shard sets `now_ms` before a record, and takes what was found after it.
    """

    def __init__(self, catalog: Catalog, quality: Quality, planned: Planned) -> None:
        self.catalog, self.quality, self.planned = catalog, quality, planned
        self.now_ms = 0
        """Received time of the record, epoch ms."""
        self.anomalies: list[Anomaly] = []
        self.notices: list[Notice] = []
        self.active = ActiveConditions()

    def take(self) -> tuple[list[Anomaly], list[Notice]]:
        """Return what was found since the last call, in the order in which it was found."""
        found = _ends(self.anomalies), _ends(self.notices)
        self.anomalies, self.notices = [], []
        return found

    @property
    def places(self) -> Places:
        """Where the beats and devices are."""
        return self.catalog.places

    def confidence(self, device: int) -> float:
        """Return how far a device's data can be trusted, 0-1."""
        return round(float(self.quality.quality[device]), 2) if device < self.quality.size_of(DEVICE) else 1.0

    def anomaly(
        self,
        at: int | str,
        metric: str,
        kind: str,
        direction: AnomalyDirection,
        ts: int,
        why: Why,
        *,
        observed: float,
        expected: float,
        p: float = float("nan"),
        duration_s: float = 0.0,
        confidence: float | None = None,
    ) -> Anomaly:
        """Note an anomaly at a device (its index) or a beat (its id), and return it."""
        beat, name = self._named(at)
        if confidence is None:
            confidence = self.confidence(at) if isinstance(at, int) else 1.0
        anomaly = Anomaly(
            beat=beat,
            device=name,
            metric=metric,
            kind=kind,
            direction=direction,
            severity=ALERT_KINDS[kind].severity,
            ts=ts,
            observed=observed,
            expected=expected,
            p=p,
            duration_s=duration_s,
            confidence=confidence,
            why=why,
        )
        self.anomalies.append(anomaly)
        return anomaly

    def unusual(
        self,
        series: int,
        kind: str,
        since_ms: int,
        observed: float,
        expected: float,
        p: float,
        **more: float | str,
    ) -> Anomaly:
        """Note that a baseline finds what a series did since then unlikely; `more` is for its sentence."""
        device, metric = int(self.catalog.series_device[series]), self.catalog.series[series].metric
        said: dict[str, Any] = {"metric": metric, "observed": observed, "expected": expected, "p": p}
        return self.anomaly(
            device,
            metric,
            kind,
            "surge" if kind in {"surge", "level_high"} else "dead" if kind == "dead" else "deficit",
            since_ms,
            Why(kind, said | {"since_ms": since_ms} | more),
            observed=observed,
            expected=expected,
            p=p,
            duration_s=max(self.now_ms - since_ms, 0) / 1000,
        )

    def alert(self, of: Anomaly, now_ms: int, *, cause_seq: int = -1, ends: bool = True, surprise: float = 0.0) -> None:
        """Tell the site of the condition that an anomaly belongs to; where it `ends`, `fall` completes the anomaly."""
        if ends:
            self.active.add(of)
        self.rise(
            of.beat, of.device, of.kind, now_ms, of.why,
            confidence=of.confidence, cause_ms=of.ts, cause_seq=cause_seq, ends=ends, surprise=surprise,
            # A crowd is people and vehicles; a noise that is high has nothing to do with water that is.
            about="" if of.kind in COUNT_ALERTS.values() else of.metric,
        )  # fmt: skip

    def rise(
        self,
        beat: str,
        name: str,
        kind: str,
        now_ms: int,
        why: Why,
        *,
        cause_ms: int,
        confidence: float = 1.0,
        cause_seq: int = -1,
        ends: bool = True,
        surprise: float = 0.0,
        about: str = "",
        quiet: bool = False,
        devices: tuple[str, ...] = (),
        takes: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Tell the site that a condition at a device or beat (by id) has begun or goes on; see `Notice`."""
        lonlat, place = self._place(beat, name)
        self.notices.append(
            Notice(
                act="rise",
                beat=beat,
                device=name,
                kind=kind,
                at_ms=now_ms,
                lonlat=lonlat,
                place=place,
                why=why,
                confidence=confidence,
                surprise=surprise,
                cause_ms=cause_ms,
                cause_seq=cause_seq,
                ends=ends,
                about=about,
                quiet=quiet,
                devices=devices,
                takes=takes,
            )
        )
        if ends:
            self.active.begin(name, kind, cause_ms)

    def fall(self, at: int | str | tuple[str, str], kind: str, now_ms: int, *, end_ms: int = 0, by: str = "") -> None:
        """Tell the site that a condition at a device (its index, or beat and id) or a beat (its id) has ended.

        Nothing is told where it was not noted as begun, unless somebody says so: what is told once has no end.

        Its anomalies are completed with how long it lasted. `end_ms` is the event time of its end, where known; `by`
        says who takes it for how things are now.
        """
        beat, name = self._named(at)
        for anomaly in self.active.take_anomalies(name, kind):
            lasted = max((end_ms or now_ms) - anomaly.ts, 0) / 1000
            said = {"by": by} if by else {"lasted_s": lasted}
            why = Why("believed" if by else "over", {"why": anomaly.why, **said})
            self.anomalies.append(msgspec.structs.replace(anomaly, duration_s=lasted, why=why))
        if self.active.end(name, kind) or by:
            self.notices.append(
                Notice(act="fall", beat=beat, device=name, kind=kind, at_ms=now_ms, cause_ms=end_ms, by=by)
            )

    def end_all(self, devices: AbstractSet[str]) -> None:
        """End every condition of some devices (ids): they were taken out of the places file."""
        for device, kind in self.active.of(devices):
            self.fall(self.catalog.device("", device), kind, self.now_ms)

    def called(self, device: str) -> Names:
        """Return what a device is called; its id where the places file does not have it (any more)."""
        place = self.places.devices.get(device)
        return {"en": device, "zh-CN": device} if place is None else place.name

    def _named(self, at: int | str | tuple[str, str]) -> tuple[str, str]:
        """Return the ids of a beat and a device; twice the beat's for a beat as a whole."""
        if isinstance(at, tuple):
            return at
        return (at, at) if isinstance(at, str) else self.catalog.devices[at]

    def _place(self, beat: str, name: str) -> tuple[tuple[float, float], Names]:
        """Return (lon, lat) of a device or the middle of a beat, and what it is called; (0, 0) where unknown."""
        unknown = (0.0, 0.0), {"en": name, "zh-CN": name}
        if beat != name:
            device = self.places.devices.get(name)
            return unknown if device is None else ((device.lon, device.lat), device.name)
        found = self.places.beats.get(beat)
        if found is None:
            return unknown
        ring = found.polygon
        return (sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)), found.name


def _ends(found: list[_Found]) -> list[_Found]:
    """Return the findings of one record without the middle of what a device found again and again.

    A contact that bounces, or a flood of passes, finds ten thousand things in one record; people, sinks and maps are
    told of the first and of the last, which say how it began and how it is now.
    """
    if len(found) <= 2 * _EACH_END:
        return found
    every = Counter((one.device, one.kind) for one in found)
    place: Counter[tuple[str, str]] = Counter()
    kept: list[_Found] = []
    for one in found:
        key = (one.device, one.kind)
        place[key] += 1
        if place[key] <= _EACH_END or place[key] > every[key] - _EACH_END:
            kept.append(one)
    return kept
