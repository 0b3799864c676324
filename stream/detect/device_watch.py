"""The watch on the devices themselves: silent, never heard, taken away, or with a clock that is wrong."""

from collections import defaultdict
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ingest.vocabulary import COUNT_ALERTS
from stream.detect.findings import Findings
from stream.sentences import Why, literal
from stream.windows.awaited import Missed
from stream.windows.device_clocks import Found, zone_of

_FEED_SHARE: Final = 0.5
_FEED_LEAST: Final = 3
"""So many devices of a beat, and at least this share, silent at once: the beat's network is down, not the devices."""
_TOGETHER: Final = 3
"""So many devices of a beat that were never heard make one alert; so many clocks alike are not wrong themselves."""
_MOST_NAMES: Final = 5
_SILENT: Final = "silent"
_FEED_LOST: Final = "feed_lost"
_NEVER_HEARD: Final = "never_heard"
_CLOCK_WRONG: Final = "clock_wrong"
_OWN_CLOCK: Final = "own_clock"


class DeviceWatch:
    """Tells of devices that say nothing, or something at the wrong time. What it knows of them is `Quality`'s."""

    def __init__(self, findings: Findings, zone: ZoneInfo) -> None:
        self.findings, self._zone = findings, zone

    def tick(self, now_ms: int) -> None:
        """Tell of devices that have been silent for too long by now."""
        quality = self.findings.quality
        removed = quality.awaited.removed()
        if removed:
            self.findings.end_all(removed)
        silent = quality.newly_silent()
        if silent:
            self._silent(silent, now_ms)
        self._own_clock(now_ms)
        missed = quality.never_heard()
        if missed.new or missed.over:
            self._missed(missed, now_ms)

    def heard(self, devices: list[int], now_ms: int) -> None:
        """Devices that were silent are heard again."""
        findings = self.findings
        for device in devices:
            findings.fall(device, _SILENT, now_ms)
            findings.fall(findings.catalog.devices[device][0], _FEED_LOST, now_ms)

    def _silent(self, devices: list[int], now_ms: int) -> None:
        """Tell of silent devices; where half a beat has gone quiet, once for the beat instead of for each."""
        findings = self.findings
        quality, catalog = findings.quality, findings.catalog
        lost: defaultdict[str, int] = defaultdict(int)
        heard: defaultdict[str, int] = defaultdict(int)
        for index in quality.regular().tolist():
            beat = catalog.devices[index][0]
            heard[beat] += 1
            lost[beat] += bool(quality.silent[index])
        for device in devices:
            beat = catalog.devices[device][0]
            # Nobody sees any more whether an episode continues, so it ends here. The silence is alerted below.
            for kind in COUNT_ALERTS.values():
                findings.fall(device, kind, now_ms, end_ms=quality.heard_ms(device))
            if lost[beat] >= max(_FEED_LEAST, _FEED_SHARE * heard[beat]):
                why = Why(_FEED_LOST, {"lost": lost[beat], "heard": heard[beat]})
                findings.rise(beat, beat, _FEED_LOST, now_ms, why, cause_ms=now_ms)
                continue
            since, reports = quality.heard_ms(device), quality.few_words(device)
            silent_s = (now_ms - since) / 1000
            why = Why(_SILENT, {"silent_s": silent_s, "usual_s": quality.usual_s(device)})
            if reports:
                why = Why("few_words", {"reports": reports, "silent_s": silent_s})
            findings.rise(
                *catalog.devices[device], _SILENT, now_ms, why, cause_ms=since, confidence=findings.confidence(device)
            )

    def _missed(self, missed: Missed, now_ms: int) -> None:
        """Tell of devices that were never heard: each for itself, or all of a beat together where there are many."""
        findings, places = self.findings, self.findings.places.devices
        for name in missed.over:
            beat = places[name].beat if name in places else ""
            findings.fall((beat, name), _NEVER_HEARD, now_ms)
        waiting: defaultdict[str, list[str]] = defaultdict(list)
        for name in missed.all:
            waiting[places[name].beat].append(name)
        for beat in findings.places.beats:
            if not waiting[beat]:
                findings.fall(beat, _NEVER_HEARD, now_ms)
        new = set(missed.new)
        for beat, names in waiting.items():
            if new.isdisjoint(names):
                continue
            if len(names) < _TOGETHER and not findings.active.has(beat, _NEVER_HEARD):
                for name in new.intersection(names):
                    findings.rise(beat, name, _NEVER_HEARD, now_ms, self._unheard([name]), cause_ms=now_ms)
                continue
            single = tuple((name, _NEVER_HEARD) for name in names if findings.active.end(name, _NEVER_HEARD))
            findings.rise(
                beat, beat, _NEVER_HEARD, now_ms, self._unheard(names),
                cause_ms=now_ms, devices=tuple(names), takes=single,
            )  # fmt: skip

    def _unheard(self, names: list[str]) -> Why:
        devices = [literal(self.findings.places.devices[name].name) for name in names[:_MOST_NAMES]]
        return Why(_NEVER_HEARD, {"devices": devices, "count": len(names), "more": len(names) - len(devices)})

    def clocks(self, found: Found, now_ms: int) -> None:
        """Tell of clocks that are wrong, and of those that are right again."""
        findings, clocks = self.findings, self.findings.quality.clocks
        for device in found.right:
            findings.fall(device, _CLOCK_WRONG, now_ms)
            findings.fall(findings.catalog.devices[device][0], _OWN_CLOCK, now_ms)
        for device in found.wrong:
            beat, name = findings.catalog.devices[device]
            behind_ms = float(clocks.behind_ms[device])
            ahead, off_s = behind_ms < 0, abs(behind_ms) / 1000
            alike, known = clocks.alike(device)
            if alike >= _TOGETHER and 2 * alike > known:
                why = Why("clock_of_node", {"count": alike, "heard": known, "off_s": off_s, "ahead": int(ahead)})
                findings.rise(beat, beat, _OWN_CLOCK, now_ms, why, cause_ms=now_ms)
                continue
            zone_h = zone_of(behind_ms)
            shown_s = abs(zone_h) * 3600 if zone_h else off_s
            why = Why(
                _CLOCK_WRONG,
                {
                    "off_s": shown_s,
                    "hours": abs(zone_h),
                    "ahead": int(ahead),
                    "zone": self._mistake(zone_h, now_ms),
                    "setting": round(shown_s if ahead else -shown_s),
                },
            )
            findings.rise(beat, name, _CLOCK_WRONG, now_ms, why, cause_ms=now_ms)

    def _own_clock(self, now_ms: int) -> None:
        """Tell of the station's own clock, at the first beat, while most devices contradict it."""
        findings, time = self.findings, self.findings.quality.time
        beat = next(iter(findings.places.beats), "")
        told = findings.active.has(beat, _OWN_CLOCK)
        count, heard = time.contradicted()
        if count and not told:
            off_s, ahead = abs(time.offset_ms) / 1000, int(time.offset_ms < 0)
            why = Why("clock_of_node", {"count": count, "heard": heard, "off_s": off_s, "ahead": ahead})
            findings.rise(beat, beat, _OWN_CLOCK, now_ms, why, cause_ms=now_ms)
        elif told and time.sure:
            findings.fall(beat, _OWN_CLOCK, now_ms)

    def _mistake(self, behind_h: float, now_ms: int) -> str:
        """Return which mistake with zones makes a clock so many hours behind: local, utc, other or none."""
        if not behind_h:
            return "none"
        local = datetime.fromtimestamp(now_ms / 1000, self._zone).utcoffset()
        offset_h = local.total_seconds() / 3600 if local is not None else 0.0
        return "local" if -behind_h == offset_h else "utc" if behind_h == offset_h else "other"
