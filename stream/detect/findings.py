"""From a finding to people: an anomaly for the record, and a notice for the site, which makes an alert of it."""

from __future__ import annotations

from typing import Final

import msgspec

from ingest.places import Places
from ingest.vocabulary import ALERT_KINDS, AnomalyDirection
from models.state import Saved, value
from stream.results import Anomaly, Names, Notice
from stream.sentences import Why
from stream.windows.axes import DEVICE
from stream.windows.catalog import Catalog
from stream.windows.quality import Quality

_MOST_ANOMALIES: Final = 4
"""Anomalies kept of one condition: a device counts people and vehicles, a detector tells a level and a state."""


class ActiveConditions(Saved):
    """Conditions a shard has told of that are not over yet, by (device, kind)."""

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

    def begun_before(self, kinds: frozenset[str], end_ms: int) -> list[tuple[str, str]]:
        """Return the (device, kind) of some kinds whose cause is older than `end_ms`, in order of telling."""
        return [key for key, since in self._since.items() if key[1] in kinds and since < end_ms]

    def add(self, anomaly: Anomaly) -> None:
        """Keep an anomaly; of several states of the same one that with the smallest probability."""
        found = self._anomalies.setdefault((anomaly.device, anomaly.kind), [])
        same = [one for one in found if (one.metric, one.ts) == (anomaly.metric, anomaly.ts)]
        if not same:
            del found[: len(found) + 1 - _MOST_ANOMALIES]
            found.append(anomaly)
        elif not same[0].p <= anomaly.p:
            found[found.index(same[0])] = anomaly

    def take_anomalies(self, device: str, kind: str) -> list[Anomaly]:
        """Return the anomalies of a condition that is over, and forget them."""
        return self._anomalies.pop((device, kind), [])


class Findings:
    """Collects what the stages of one record find; knows the devices' places, beats and quality for it.

    The shard sets `now_ms` before a record, and takes what was found after it.
    """

    def __init__(self, catalog: Catalog, quality: Quality) -> None:
        self.catalog, self.quality = catalog, quality
        self.now_ms = 0
        """Received time of the record, epoch ms."""
        self.anomalies: list[Anomaly] = []
        self.notices: list[Notice] = []
        self.active = ActiveConditions()

    def take(self) -> tuple[list[Anomaly], list[Notice]]:
        """Return what was found since the last call, in the order in which it was found."""
        found = self.anomalies, self.notices
        self.anomalies, self.notices = [], []
        return found

    @property
    def places(self) -> Places:
        """Where the beats and devices are."""
        return self.catalog.places

    def beat_place(self, beat: str) -> tuple[tuple[float, float], Names]:
        """Return the middle (lon, lat) of a beat and what it is called; (0, 0) and its id where it is unknown."""
        place = self.places.beats.get(beat)
        if place is None:
            return (0.0, 0.0), {"en": beat, "zh-CN": beat}
        ring = place.polygon
        return (sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)), place.name

    def confidence(self, device: int) -> float:
        """Return how far a device's data can be trusted, 0-1."""
        return round(float(self.quality.quality[device]), 2) if device < self.quality.size_of(DEVICE) else 1.0

    def anomaly(
        self,
        device: int,
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
    ) -> Anomaly:
        """Note an anomaly of a device (by index), and return it."""
        beat, name = self.catalog.devices[device]
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
            confidence=self.confidence(device),
            why=why,
        )
        self.anomalies.append(anomaly)
        return anomaly

    def alert(
        self,
        device: int,
        kind: str,
        now_ms: int,
        why: Why,
        *,
        cause_ms: int,
        cause_seq: int = -1,
        ends: bool = True,
        surprise: float | None = None,
        of: Anomaly | None = None,
    ) -> None:
        """Tell the site of a condition at a device (by index).

        `surprise` is for what a model found; `of` is the anomaly to be completed when the condition is over.
        """
        if of is not None:
            self.active.add(of)
        beat, name = self.catalog.devices[device]
        place = self.places.devices.get(name)
        self.notice(
            Notice(
                act="rise",
                beat=beat,
                device=name,
                kind=kind,
                at_ms=now_ms,
                by_model=surprise is not None,
                severity=ALERT_KINDS[kind].severity,
                lonlat=(place.lon, place.lat) if place else (0.0, 0.0),
                place=place.name if place else {"en": name, "zh-CN": name},
                why=why,
                confidence=self.confidence(device),
                surprise=surprise or 0.0,
                cause_ms=cause_ms,
                cause_seq=cause_seq,
                ends=ends,
            ),
        )

    def notice(self, notice: Notice) -> None:
        """Tell the site that a condition has begun or goes on."""
        self.notices.append(notice)
        if notice.ends:
            self.active.begin(notice.device, notice.kind, notice.cause_ms)

    def over(self, device: int, kind: str, now_ms: int, *, end_ms: int = 0, by_model: bool = False) -> None:
        """Tell the site that a device's condition has ended, if it was told of."""
        beat, name = self.catalog.devices[device]
        self.over_at(beat, name, kind, now_ms, end_ms=end_ms, by_model=by_model)

    def over_at(self, beat: str, name: str, kind: str, now_ms: int, *, end_ms: int = 0, by_model: bool = False) -> None:
        """Tell the site that a condition at a device or beat (by id) has ended, if it was told of.

        `end_ms` is the event time of its end, where that is known.
        """
        self.ended(name, kind, end_ms or now_ms)
        if self.active.end(name, kind):
            fall = Notice(
                act="fall", beat=beat, device=name, kind=kind, at_ms=now_ms, by_model=by_model, cause_ms=end_ms
            )
            self.notices.append(fall)

    def ended(self, name: str, kind: str, end_ms: int) -> None:
        """Complete the anomalies of a condition that is over with how long it lasted."""
        for anomaly in self.active.take_anomalies(name, kind):
            lasted = max(end_ms - anomaly.ts, 0) / 1000
            why = Why("over", {"why": anomaly.why, "lasted_s": lasted})
            self.anomalies.append(msgspec.structs.replace(anomaly, duration_s=lasted, why=why))
