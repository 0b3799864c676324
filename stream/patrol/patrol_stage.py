"""Patrols as they stand: the running shifts' plans, and what officers have said of them.

Planned and delivered minutes stand beside each other by stop; what was delivered goes to `stream.patrol.dose`.
"""

from typing import Final

import msgspec

from ingest.days.patrol_settings import roster_of
from ingest.events import Command, DidWhat, PatrolDid, PatrolPlan
from ingest.observations import epoch_ms
from ingest.places import Places
from models.state import Saved, part, value
from stream.config import PipelineConfig
from stream.patrol.dose import Delivered, Dose
from stream.patrol_results import BeatShare, OfficerPlan, StopNow
from stream.results import Notice
from stream.sentences import Why

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_KEPT_MS: Final = 24 * _HOUR_MS
"""So long after a shift its stops are known: a phone may have been without a network."""
_MOST_SHIFTS: Final = 16
_MOST_HEARD: Final = 4_096
_MOST_OVER_MIN: Final = 60.0
"""Minutes above the planned ones that count: who stays longer has forgotten to say so."""


class _Shift(msgspec.Struct):
    """A shift with its newest plan."""

    plan: PatrolPlan
    """Without stops."""
    officers: list[str]
    """All who were in any of its plans."""
    stops: dict[str, StopNow]
    over: bool = False


class PatrolStage(Saved):
    """Plans, stops and dose of a site.

    All that is said of patrols comes from one shard, in order, and is acted upon at once. Only the dose, by which
    incidents are weighed, waits for its turn among what other shards find (`delivered`). Every method returns the
    officers' plans that have changed. The same plan or word a second time changes nothing.
    """

    dose: Dose = part()
    _shifts = value(dict[str, _Shift])
    """By id, the oldest first."""
    _away = value(dict[str, int])
    """Officer -> since when called away."""
    _heard = value(dict[str, None])
    """Words that were heard, the newest last."""
    _shares_ms = value(int)

    def __init__(self, config: PipelineConfig) -> None:
        self._ahead_ms = round(config.ahead_s * 1000)
        self._names = roster_of(config.patrol).officers
        self.dose = Dose(config.patrol.dose_days)
        self._given: list[Delivered] = []
        super().__init__()

    def plan(self, plan: PatrolPlan, now_ms: int) -> list[OfficerPlan]:
        """Go by a newer plan of a shift: what was begun stays, what is in it no more is replaced."""
        before = self._shifts.get(plan.shift)
        if before is not None and plan.made_ms <= before.plan.made_ms:
            return []
        stops = {} if before is None else before.stops
        now = {stop.id: StopNow(**msgspec.structs.asdict(stop)) for stop in plan.stops}
        for identifier, stop in stops.items():
            if stop.state == "replaced" and identifier in now:
                continue  # it is planned once more
            if stop.state != "planned":
                now[identifier] = stop
            elif identifier not in now:
                now[identifier] = msgspec.structs.replace(stop, state="replaced")
        known = [] if before is None else before.officers
        officers = list(dict.fromkeys([*known, *plan.officers, *(stop.officer for stop in plan.stops)]))
        self._shifts[plan.shift] = shift = _Shift(msgspec.structs.replace(plan, stops=()), officers, now)
        while len(self._shifts) > _MOST_SHIFTS:
            del self._shifts[next(iter(self._shifts))]
        return [self._of(shift, officer, now_ms) for officer in officers]

    def did(self, did: PatrolDid, now_ms: int) -> list[OfficerPlan]:
        """Take an officer's word. Raises KeyError, with a sentence, where it is of a stop that the officer has not."""
        ts_ms = self._time(did, now_ms)
        if did.what in {"help", "away", "back"}:
            return self._presence(did, ts_ms, now_ms)
        shift, stop = self._stop(did)
        minutes = stop.delivered_min
        changed = self._said(did, stop, ts_ms)
        if changed == stop:
            return []
        if did.what == "arrived":
            self._leave_others(shift, stop, ts_ms)
            self._instead(shift, stop)
        shift.stops[stop.id] = changed
        self._deliver(changed, minutes)
        return [self._of(shift, did.officer, now_ms)]

    def answers(self, command: Command, now_ms: int) -> list[OfficerPlan]:
        """Take that an officer on patrol has taken up an alert, and so is away until it is cleared."""
        officer = next((one for one, name in self._names.items() if {command.by, command.name} & {one, name}), "")
        if not self._running(officer):
            return []
        what: DidWhat = "away" if command.action == "acknowledge" else "back"
        return self._presence(PatrolDid(what=what, officer=officer), now_ms, now_ms)

    def calls(self, did: PatrolDid, now_ms: int, places: Places) -> Notice | None:
        """Return what is to be raised because of a word: an officer needs help. None for others, and for a repeat."""
        if did.what != "help":
            return None
        key = f"{did.officer}/{did.what}/{did.stop}/{did.ts}"
        if did.ts is not None and key in self._heard:
            return None
        self._heard[key] = None
        if len(self._heard) > _MOST_HEARD:
            del self._heard[next(iter(self._heard))]
        near, name = self._near(did, now_ms), self._names.get(did.officer, did.officer)
        beat = near.beat if near is not None and near.beat in places.beats else next(iter(places.beats), "site")
        place = near.place if near is not None and near.place else {}
        if not place and near is not None and beat in places.beats:
            place = places.beats[beat].name
        return Notice(
            act="rise",
            beat=beat,
            device=did.officer,
            kind="officer_help",
            at_ms=now_ms,
            lonlat=(0.0, 0.0) if near is None else (near.lon, near.lat),
            place=place,
            why=Why("officer_help", {"officer": name, "said": int(bool(did.note)), "note": did.note}),
            cause_ms=self._time(did, now_ms),
            ends=False,
        )

    def due(self, now_ms: int) -> list[OfficerPlan]:
        """Return the plans of shifts that are over by now: what nobody said anything of was missed."""
        changed: list[OfficerPlan] = []
        ended: list[str] = []
        for identifier, shift in list(self._shifts.items()):
            if not shift.over and now_ms >= shift.plan.end_ms:
                shift.over = True
                for stop in list(shift.stops.values()):
                    self._close(shift, stop)
                changed += [self._of(shift, officer, now_ms) for officer in shift.officers]
                ended += shift.officers
            if now_ms >= shift.plan.end_ms + _KEPT_MS:
                del self._shifts[identifier]
        # Who has the next shift's plan already is told of it once more: the newest word on an officer's topic counts.
        return changed + [self._of(shift, officer, now_ms) for officer in ended for shift in self._running(officer)]

    def delivered(self) -> list[Delivered]:
        """Return what was delivered since this was asked last, for the dose."""
        given, self._given = self._given, []
        return given

    def shares(self, now_ms: int, places: Places) -> list[BeatShare]:
        """Return the beats' shares of patrol and of reports, once an hour; nothing before there is any patrol."""
        if now_ms // _HOUR_MS == self._shares_ms // _HOUR_MS:
            return []
        found = self.dose.by_beat(now_ms)
        minutes, reports = (sum(found.get(beat, (0.0, 0.0))[column] for beat in places.beats) for column in (0, 1))
        if minutes <= 0:
            return []
        self._shares_ms = now_ms
        return [
            BeatShare(
                beat=beat,
                ts=now_ms,
                minutes=round(mine[0], 3),
                patrol=round(mine[0] / minutes, 4),
                reports=round(mine[1], 3),
                reported=round(mine[1] / reports, 4) if reports > 0 else 0.0,
            )
            for beat, mine in ((beat, found.get(beat, (0.0, 0.0))) for beat in places.beats)
        ]

    def _deliver(self, stop: StopNow, before_min: float = 0.0) -> None:
        if stop.delivered_min > before_min:
            self._given.append(Delivered(stop.beat, stop.lon, stop.lat, stop.done_ms, stop.delivered_min - before_min))

    # -- words ---------------------------------------------------------------------------------------------------

    def _time(self, did: PatrolDid, now_ms: int) -> int:
        """Return when it was done: what the phone says, unless that cannot be."""
        ts_ms = now_ms if did.ts is None else epoch_ms(did.ts)
        return ts_ms if now_ms - _KEPT_MS <= ts_ms <= now_ms + self._ahead_ms else now_ms

    def _presence(self, did: PatrolDid, ts_ms: int, now_ms: int) -> list[OfficerPlan]:
        officer, since = did.officer, self._away.get(did.officer)
        if did.what == "away" and since is None:
            self._away[officer] = ts_ms
        elif did.what == "back" and since is not None and ts_ms >= since:
            del self._away[officer]
        else:
            return []
        return [self._of(shift, officer, now_ms) for shift in self._running(officer)]

    def _running(self, officer: str) -> list[_Shift]:
        return [shift for shift in self._shifts.values() if not shift.over and officer in shift.officers]

    def _stop(self, did: PatrolDid) -> tuple[_Shift, StopNow]:
        for shift in reversed(self._shifts.values()):
            stop = shift.stops.get(did.stop)
            if stop is not None and stop.officer == did.officer:
                return shift, stop
        raise KeyError(f"officer {did.officer!r} has no stop {did.stop!r} in a plan of the last day")

    def _said(self, did: PatrolDid, stop: StopNow, ts_ms: int) -> StopNow:
        """Return the stop as it is after a word; the same where the word says nothing new."""
        note = did.note or stop.note
        if did.what == "skipped":
            return stop if stop.done_ms else msgspec.structs.replace(stop, state="skipped", note=note)
        if did.what == "arrived":
            if stop.arrived_ms or (stop.done_ms and ts_ms > stop.done_ms):
                return stop
            came = msgspec.structs.replace(stop, state="done" if stop.done_ms else "arrived", arrived_ms=ts_ms)
            return _delivered(msgspec.structs.replace(came, note=note), stop.done_ms) if stop.done_ms else came
        return stop if stop.done_ms else _delivered(msgspec.structs.replace(stop, note=note), ts_ms)

    def _leave_others(self, shift: _Shift, stop: StopNow, ts_ms: int) -> None:
        """Whoever arrives somewhere has left where he was."""
        for other in list(shift.stops.values()):
            if other.officer == stop.officer and other.state == "arrived" and other.id != stop.id:
                shift.stops[other.id] = left = _delivered(other, ts_ms)
                self._deliver(left)

    @staticmethod
    def _instead(shift: _Shift, stop: StopNow) -> None:
        """Whoever goes by an older plan need not go to the same place once more."""
        twins = (one for one in shift.stops.values() if (one.officer, one.cell) == (stop.officer, stop.cell))
        twin = next((one for one in twins if one.state == "planned" and one.id != stop.id), None)
        if stop.state == "replaced" and stop.cell and twin is not None:
            shift.stops[twin.id] = msgspec.structs.replace(twin, state="replaced")

    def _close(self, shift: _Shift, stop: StopNow) -> None:
        """Bring a stop to its end with the shift."""
        if stop.state == "planned":
            shift.stops[stop.id] = msgspec.structs.replace(stop, state="missed")
        elif stop.state == "arrived":
            end_ms = min(stop.arrived_ms + round(stop.planned_min * _MINUTE_MS), shift.plan.end_ms)
            shift.stops[stop.id] = left = _delivered(stop, max(end_ms, stop.arrived_ms))
            self._deliver(left)

    def _near(self, did: PatrolDid, now_ms: int) -> StopNow | None:
        """Return the stop at which an officer probably is: the one named, the one arrived at, the nearest in time."""
        stops = [stop for shift in self._shifts.values() for stop in shift.stops.values()]
        stops = [stop for stop in stops if stop.officer == did.officer and stop.state != "replaced"]
        named = [stop for stop in stops if stop.id == did.stop] or [one for one in stops if one.state == "arrived"]
        return min(
            named or stops,
            key=lambda stop: max(stop.arrive_ms - now_ms, now_ms - max(stop.leave_ms, stop.done_ms), 0),
            default=None,
        )

    def _of(self, shift: _Shift, officer: str, now_ms: int) -> OfficerPlan:
        plan = shift.plan
        stops = [stop for stop in shift.stops.values() if stop.officer == officer]
        return OfficerPlan(
            shift=plan.shift,
            name=plan.name,
            officer=officer,
            begin_ms=plan.begin_ms,
            end_ms=plan.end_ms,
            made_ms=plan.made_ms,
            solver=plan.solver,
            changed_ms=now_ms,
            away_ms=self._away.get(officer, 0),
            over=shift.over,
            stops=sorted(stops, key=lambda stop: (stop.arrive_ms, stop.id)),
        )


def _delivered(stop: StopNow, done_ms: int) -> StopNow:
    """Return a stop that is done: with the minutes since the arrival, or as planned where nobody said when it began."""
    minutes = (done_ms - stop.arrived_ms) / _MINUTE_MS if stop.arrived_ms else stop.planned_min
    minutes = round(min(max(minutes, 0.0), stop.planned_min + _MOST_OVER_MIN), 3)
    return msgspec.structs.replace(stop, state="done", done_ms=done_ms, delivered_min=minutes)
