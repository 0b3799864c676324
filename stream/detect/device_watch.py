"""The watch on the devices themselves: silent, never heard, taken away, or with a clock that is wrong."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.vocabulary import COUNT_ALERTS, HiddenState
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
_DEAD: Final = COUNT_ALERTS[HiddenState.DEAD]
_SILENT: Final = "silent"
_FEED_LOST: Final = "feed_lost"
_NEVER_HEARD: Final = "never_heard"
_CLOCK_WRONG: Final = "clock_wrong"
_OWN_CLOCK: Final = "own_clock"


class DeviceWatch:
    """Tells of devices that say nothing, or something at the wrong time. What it knows of them is `Quality`'s."""

    def __init__(self, findings: Findings, zone: ZoneInfo) -> None:
        self.findings, self._zone = findings, zone

    def tick(self, now_ms: int) -> list[int]:
        """Tell of devices that have been silent for too long by now, and return those that were not before."""
        quality = self.findings.quality
        removed = quality.awaited.removed()
        if removed:
            self.findings.end_all(removed)
        works = self.findings.planned.works(now_ms)
        if works is not None:
            quality.excuse(works)
        silent = quality.newly_silent()
        if silent:
            self._silent(silent, now_ms)
        self._own_clock(now_ms)
        missed = quality.never_heard()
        if missed.new or missed.over:
            self._missed(missed, now_ms)
        return silent

    def heard(self, devices: list[int], now_ms: int) -> None:
        """Devices that were silent are heard again; of a beat that was lost, the others may still be."""
        findings = self.findings
        for device in devices:
            findings.fall(device, _SILENT, now_ms)
        for beat in dict.fromkeys(findings.catalog.devices[device][0] for device in devices):
            if not findings.active.has(beat, _FEED_LOST):
                continue
            lost, heard = self._lost(beat)
            if _is_lost(lost, heard):
                self._feed_lost(beat, lost, heard, now_ms, quiet=True)
                continue
            for device in lost:  # the beat is watched again, but not by these
                self._one_silent(device, now_ms)
            findings.fall(beat, _FEED_LOST, now_ms)

    def _lost(self, beat: str) -> tuple[list[int], int]:
        """Return the silent devices of a beat, and how many have been heard and are expected to go on."""
        quality, devices = self.findings.quality, self.findings.catalog.devices
        regular = [index for index in quality.regular().tolist() if devices[index][0] == beat]
        return [index for index in regular if quality.silent[index]], len(regular)

    def _silent(self, devices: list[int], now_ms: int) -> None:
        """Tell of silent devices; where half a beat has gone quiet, once for the beat instead of for each."""
        findings = self.findings
        for device in devices:
            # Nobody sees any more whether an episode continues, so it ends here: the silence is told instead. A counter
            # that is dead stays dead until it counts.
            for kind in COUNT_ALERTS.values():
                if kind != _DEAD:
                    findings.fall(device, kind, now_ms, end_ms=findings.quality.heard_ms(device))
        by_beat: defaultdict[str, list[int]] = defaultdict(list)
        for device in devices:
            by_beat[findings.catalog.devices[device][0]].append(device)
        for beat, silent in by_beat.items():
            lost, heard = self._lost(beat)
            if _is_lost(lost, heard):
                self._feed_lost(beat, lost, heard, now_ms)
                continue
            for device in silent:
                self._one_silent(device, now_ms)

    def _feed_lost(self, beat: str, lost: list[int], heard: int, now_ms: int, *, quiet: bool = False) -> None:
        """Tell of a beat that is not watched, in place of its silent devices, or that some of them are back."""
        findings, devices = self.findings, self.findings.catalog.devices
        names = tuple(devices[index][1] for index in lost)
        called = [literal(findings.called(name)) for name in names[:_MOST_NAMES]]
        said: dict[str, Any] = {"lost": len(lost), "heard": heard, "devices": called, "more": len(lost) - len(called)}
        findings.rise(
            beat, beat, _FEED_LOST, now_ms, Why(_FEED_LOST, said),
            cause_ms=now_ms, devices=names, quiet=quiet,
            takes=tuple((name, _SILENT) for name in names if findings.active.end(name, _SILENT)),
        )  # fmt: skip

    def _one_silent(self, device: int, now_ms: int) -> None:
        findings, quality = self.findings, self.findings.quality
        since, reports = quality.heard_ms(device), quality.few_words(device)
        silent_s = (now_ms - since) / 1000
        why = Why(_SILENT, {"silent_s": silent_s, "usual_s": quality.usual_s(device)})
        if reports:
            why = Why("few_words", {"reports": reports, "silent_s": silent_s})
        findings.rise(
            *findings.catalog.devices[device], _SILENT, now_ms, why,
            cause_ms=since, confidence=findings.confidence(device),
        )  # fmt: skip

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
            # Devices with the same mistake are one alert, and told the same setting.
            about = f"{zone_h:g}" if zone_h else name
            findings.rise(beat, name, _CLOCK_WRONG, now_ms, why, cause_ms=now_ms, about=about)

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


def _is_lost(lost: list[int], heard: int) -> bool:
    """Tell whether so many silent devices mean that their beat is not watched."""
    return len(lost) >= max(_FEED_LEAST, _FEED_SHARE * heard)
