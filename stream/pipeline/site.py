"""What needs the whole site: alerts and their life, the hotspot map, incidents, people's commands.

Shards tell of conditions, anomalies and incidents in their output; a site has one stage that takes the output of all
its shards, and gives results for the sinks. What it says does not depend on which shard was faster:

* outputs are merged in the order (received time, shard, position), and one is taken only when no shard can still
  deliver an earlier one. Every shard's time goes on by itself, because the gateway writes a tick where nothing else is
  to be written;
* what a rule has found, and what a person has said, is acted upon at once, without waiting for other shards: it
  concerns a single beat, whose notices all come from one shard, in order.

With one shard nothing ever waits.

What is found goes through two sieves on its way to people: devices of a beat that fire together are one cause
(`stream.alerts.grouping`), and a cause of models must be strange enough for the site's budget
(`stream.alerts.budget`). What must never be hidden behind another passes by both.
"""

import heapq
from dataclasses import fields, replace
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import topics
from ingest.clock import ClockGuard
from ingest.events import BOOK_ACTIONS, Incident
from ingest.observations import epoch_ms
from ingest.places import Places, decode_places
from ingest.refusal import Refusal
from ingest.vocabulary import ALERT_KINDS, Reason
from models.hotspots.mixing import Fit
from models.state import Saved, State, array, part, value
from stream.alerts.alert_book import AlertBook
from stream.alerts.budget import AlertBudget
from stream.alerts.grouping import Cause, Causes
from stream.alerts.hotspot_stage import HotspotStage
from stream.config import PipelineConfig
from stream.patrol.dose import Delivered
from stream.patrol.patrol_stage import PatrolStage
from stream.results import (
    Alert,
    Anomaly,
    BudgetState,
    Notice,
    PlacedIncident,
    RecordOutput,
    Results,
    SeriesKey,
    ShardOutput,
)

_NEVER: Final = -(2**62)
_SHARED: Final = tuple(field.name for field in fields(RecordOutput))


class _SiteEntry(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What of a shard's output waits for its turn; sorts by time, shard and position."""

    time_ms: int
    shard: int
    position: int
    anomalies: list[Anomaly] = msgspec.field(default_factory=list)
    incidents: list[Incident] = msgspec.field(default_factory=list)
    delivered: list[Delivered] = msgspec.field(default_factory=list)
    fits: list[bytes] = msgspec.field(default_factory=list)
    notices: list[Notice] = msgspec.field(default_factory=list)
    places: bytes = b""
    """Of shard 0: all shards get a record of the edited places, and the site goes by one; so with the calendar."""
    calendar: bytes = b""


class SiteCatalog(Saved):
    """One numbering of the series of all shards. Only grows; a device that moves keeps its numbers."""

    series = value(list[SeriesKey])

    def __init__(self) -> None:
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Find the numbers of series."""
        self._index = {(key.device, key.kind, key.metric): number for number, key in enumerate(self.series)}
        self._known: dict[int, tuple[list[SeriesKey], NDArray[np.int32]]] = {}
        """Shard → its catalogue as last seen, and the site's number of each of its series."""

    def numbers(self, shard: int, catalog: list[SeriesKey]) -> NDArray[np.int32]:
        """Return the site's number of every series of a shard's catalogue, shape (series,)."""
        known, numbers = self._known.get(shard, ([], np.zeros(0, dtype=np.int32)))
        if known is not catalog:
            numbers = np.zeros(0, dtype=np.int32)
        if len(numbers) < len(catalog):
            new = [self._number(key) for key in catalog[len(numbers) :]]
            numbers = np.concatenate([numbers, np.array(new, dtype=np.int32)])
            self._known[shard] = (catalog, numbers)
        return numbers

    def _number(self, key: SeriesKey) -> int:
        number = self._index.setdefault((key.device, key.kind, key.metric), len(self.series))
        if number == len(self.series):
            self.series.append(key)
        elif self.series[number] != key:  # the device has moved to another beat
            self.series = [*self.series[:number], key, *self.series[number + 1 :]]
        return number


class SiteStage(Saved):
    """The stage of a site behind its shards.

    Parameters
    ----------
    config, places
        Settings, and all beats and devices of the site.
    shards
        How many shards there are; output of every one must come for time to go on.
    apart
        The shards are in other processes: each output brings a catalogue of its own.
    """

    book: AlertBook = part()
    hotspots: HotspotStage = part()
    patrol: PatrolStage = part()
    budget: AlertBudget = part()
    causes: Causes = part()
    catalog: SiteCatalog = part()
    _newest = array(np.int64, "shards", fill=_NEVER)
    """Newest received time per shard."""
    _reached = array(np.int64, "shards")
    """Newest position taken per shard."""
    _waiting = value(list[_SiteEntry])
    """A heap."""
    _now_ms = value(int, _NEVER)
    _places = value(bytes)
    """The places as they last came through the log; empty before that."""

    def __init__(self, config: PipelineConfig, places: Places, shards: int = 1, *, apart: bool = False) -> None:
        self.config, self.shards = config, shards
        self._guard = ClockGuard(config.ahead_s, config.backfill_s)
        self._renumbers = apart or shards > 1
        self.book = AlertBook(
            config.site.id,
            ttl_ms=round(config.pipeline.alert_ttl_s * 1000),
            flap_ms=round(config.pipeline.flap_s * 1000),
        )
        self.hotspots = self._hotspots(places)
        self.patrol = PatrolStage(config)
        self.budget = AlertBudget(config.alerts.per_day, ZoneInfo(config.site.timezone))
        self.causes = Causes(
            places,
            config.alerts.group_m,
            within_ms=2 * config.pipeline.window_s * 1000,
            returns_ms=self.book.flap_ms,
        )
        self.catalog = SiteCatalog()
        super().__init__()
        self._told_places = places  # as shard 0 knows them: what it tells of patrols waits for no other
        self._budget: BudgetState | None = None  # as it stood in the newest results that carry it
        self._out = Results(0, 0, 0, self.catalog.series)
        """Results of the output at work: the steps add to them."""

    def knows(self, shard: int, position: int) -> bool:
        """Tell whether a shard's output of this position was taken before: a worker that restarts repeats some."""
        return position <= int(self._reached[shard])

    def apply(self, output: ShardOutput, position: int | None = None) -> Results:
        """Take the next output of a shard, and return it together with what the site says of all so far.

        The results carry the site's numbers of series, and `position` where the site's log is not the shard's. Raises
        IndexError for a shard the site does not have.
        """
        shard = output.shard
        if not 0 <= shard < self.shards:
            raise IndexError(f"output of shard {shard}, expected one of 0 to {self.shards - 1}")
        out = self._out = self._results(output)
        out.position = output.position if position is None else position
        if output.closing:
            return out
        self._reached[shard] = max(int(self._reached[shard]), output.position)
        self._newest[shard] = output.now_ms if output.put_back else max(int(self._newest[shard]), output.now_ms)
        self._commands(output)
        if shard == 0 and output.places:
            self._told_places = decode_places(output.places).places
        for notice in [*output.notices, *(self._patrols(output) if shard == 0 else [])]:
            if not notice.by_model:
                out.alerts += self._notice(notice)
        heapq.heappush(
            self._waiting,
            _SiteEntry(
                time_ms=int(self._newest[shard]),
                shard=shard,
                position=output.position,
                anomalies=output.anomalies,
                incidents=output.incidents,
                delivered=self.patrol.delivered(),
                fits=output.fits,
                notices=[notice for notice in output.notices if notice.by_model],
                **({"places": output.places, "calendar": output.calendar} if shard == 0 else {}),
            ),
        )
        while self._waiting and self._is_due(self._waiting[0]):
            self._take(heapq.heappop(self._waiting))
        budget = self.budget.state()
        if budget != self._budget:
            self._budget = out.budget = budget
        return out

    def restore(self, state: State) -> None:
        """Take over a state with the places that it belongs to, whatever the size of cells; see `Saved.restore`."""
        places = state.get("places", bytes)
        if places:
            self.hotspots = self._hotspots(decode_places(places).places)
        super().restore(self.hotspots.fitted(state, "hotspots/"))
        self._told_places = self.causes.places = self.hotspots.places
        if waiting := [entry.places for entry in sorted(self._waiting) if entry.places]:
            self._told_places = decode_places(waiting[-1]).places

    def _hotspots(self, places: Places) -> HotspotStage:
        return HotspotStage(self.config, places, self.book)

    def _take_places(self, payload: bytes) -> None:
        """Go by edited places; what is known of the map's ground stays."""
        before, self._places, places = self.hotspots, payload, decode_places(payload).places
        if places != before.places:
            self.hotspots = self._hotspots(places)
            self.hotspots.take_over(before)
            self.causes.places = places

    def refuse(self, refusal: Refusal, position: int, watermark_ms: int) -> Results:
        """Return results that say only what was refused at a position of the site's log."""
        return Results(position, refusal.received_ms, watermark_ms, self.catalog.series, refusals=[refusal])

    def _results(self, output: ShardOutput) -> Results:
        """Return what of a shard's output goes to the sinks as it is, with the site's numbers of series."""
        out = Results(**{name: getattr(output, name) for name in _SHARED})
        out.refusals = [*output.refusals]
        if self._renumbers:
            numbers = self.catalog.numbers(output.shard, output.catalog)
            out.catalog = self.catalog.series
            out.windows = [replace(rows, series=numbers[rows.series]) for rows in output.windows]
            out.gates = [replace(rows, series=numbers[rows.series]) for rows in output.gates]
            out.states = [replace(rows, series=numbers[rows.series]) for rows in output.states]
        return out

    def _is_due(self, entry: _SiteEntry) -> bool:
        """Tell whether no other shard can still deliver something that goes before."""
        ahead = self._newest >= entry.time_ms
        ahead[: entry.shard] = self._newest[: entry.shard] > entry.time_ms
        return bool(ahead.all())

    def _take(self, entry: _SiteEntry) -> None:
        out = self._out
        if entry.time_ms < self._now_ms:
            self.hotspots.set_back()
        self._now_ms = entry.time_ms
        if entry.places:
            self._take_places(entry.places)
        if entry.calendar:
            self.hotspots.take_calendar(entry.calendar)
        self.budget.roll(entry.time_ms)
        self._learn(entry)
        if entry.incidents:
            self._incidents(entry.incidents, entry.time_ms)
        for notice in entry.notices:
            out.alerts += self._notice(notice)
        out.alerts += self.book.expire(entry.time_ms)
        self.hotspots.anomalies(entry.anomalies)
        out.coming = self.hotspots.coming(entry.time_ms) or out.coming
        if (hotspots := self.hotspots.due(entry.time_ms)) is not None:
            out.maps.append(hotspots)

    def _incidents(self, incidents: list[Incident], now_ms: int) -> None:
        """Take incidents whose times can be: history at once, and what happens now one by one."""
        out, (earliest_ms, latest_ms) = self._out, self._guard.limits(now_ms)
        timely: list[Incident] = []
        for incident in incidents:
            ts_ms = epoch_ms(incident.ts)
            if (0 if incident.backfill else earliest_ms) <= ts_ms <= latest_ms:
                timely.append(incident)
            else:
                detail = self._guard.reason(ts_ms, now_ms)
                self._refuse(topics.incidents(self.config.site.id), Reason.CLOCK, detail, incident, now_ms)
        new = self.hotspots.history([one for one in timely if one.backfill])
        for incident in (one for one in timely if not one.backfill):
            ts_ms = epoch_ms(incident.ts)
            alerts = self.hotspots.incident(incident, ts_ms, now_ms, self._patrolled(incident, ts_ms))
            if alerts is not None:
                new.append(incident)
                out.alerts += alerts
        out.duplicates += len(timely) - len(new)
        for incident, beat in zip(new, self.hotspots.beats_of(new), strict=True):
            if incident.provenance == "reported":
                self.patrol.dose.reported(beat, epoch_ms(incident.ts))
            out.incidents.append(PlacedIncident(**msgspec.structs.asdict(incident), beat=beat))

    def _patrolled(self, incident: Incident, ts_ms: int) -> float | None:
        """Return how much the place of what a patrol discovered was patrolled; None for what others report."""
        if incident.provenance != "patrol_discovered":
            return None
        return self.patrol.dose.share(incident.lon, incident.lat, ts_ms, self.hotspots.points)

    def _patrols(self, output: ShardOutput) -> list[Notice]:
        """Take plans, and what was done of them; return what is to be raised."""
        out, now_ms, calls = self._out, output.now_ms, []
        out.patrols += self.patrol.due(now_ms)
        for plan in output.plans:
            out.patrols += self.patrol.plan(plan, now_ms)
        for did in output.dids:
            call = self.patrol.calls(did, now_ms, self._told_places)
            calls += [] if call is None else [call]
            try:
                out.patrols += self.patrol.did(did, now_ms)
            except KeyError as error:
                topic = topics.patrol_did(self.config.site.id, did.officer)
                self._refuse(topic, Reason.PATROL, str(error.args[0]), did, now_ms)
        return calls

    def _learn(self, entry: _SiteEntry) -> None:
        """Let the map know what was fitted to it, and where patrols were."""
        for payload in entry.fits:
            try:
                self.hotspots.grid.take(Fit.decode(payload))
            except ValueError as error:
                self._out.refusals.append(Refusal(Reason.MODEL, str(error), payload, "log", entry.time_ms))
        for one in entry.delivered:
            self.patrol.dose.add(*one)
        self._out.shares += self.patrol.shares(entry.time_ms, self.hotspots.places)

    def _refuse(self, topic: str, reason: Reason, detail: str, said: msgspec.Struct, now_ms: int) -> None:
        """Refuse what was said, as it stood in the log."""
        self._out.refusals.append(Refusal(reason, detail, msgspec.json.encode(said), topic, now_ms))

    def _notice(self, notice: Notice) -> list[Alert]:
        """Take what has been found, or what of it is over: as part of a cause, and where the budget allows."""
        if ALERT_KINDS[notice.kind].together == "alone":
            if notice.act == "fall":
                return self.book.fall(notice.device, notice.kind, notice.at_ms, notice.cause_ms, by=notice.by)
            return self.book.rise(notice)
        if notice.act == "fall":
            return self._fall(notice.device, notice.kind, notice.at_ms, notice.cause_ms, notice.by)
        cause = self.causes.rise(notice)
        if notice.by_model and not self.budget.note(cause.noted, cause.strangest.surprise):
            return []
        # What this takes the place of may have been part of a cause: of one that goes on without it, it is a part less.
        gone = [self.causes.fall(*taken, notice.at_ms) for taken in notice.takes]
        changes = [
            alert
            for one in gone
            if one is not None and one.active
            for alert in self.book.rise(self._told(one, notice.at_ms, quiet=True))
        ]
        takes = tuple((one.first.device, one.kind) for one in gone if one is not None and not one.active)
        told = self._told(cause, notice.at_ms, quiet=notice.quiet)
        if notice.devices:
            told = msgspec.structs.replace(told, devices=notice.devices)
        return changes + self.book.rise(msgspec.structs.replace(told, takes=takes))

    def _fall(self, device: str, kind: str, at_ms: int, end_ms: int, by: str) -> list[Alert]:
        """Take that something is over at a device: what it is part of ends with the last of its devices."""
        cause = self.causes.fall(device, kind, at_ms)
        if cause is None:  # of an alert that an earlier version raised, nothing is noted
            known = self.causes.knows(device, kind)
            return [] if known else self.book.fall(device, kind, at_ms, end_ms, by=by)
        if not cause.active:
            told = self._told(cause, at_ms, quiet=True)
            return self.book.fall(told.device, kind, at_ms, end_ms, told, by)
        return [] if cause.first.by_model else self.book.rise(self._told(cause, at_ms, quiet=True))

    def _told(self, cause: Cause, at_ms: int, *, quiet: bool) -> Notice:
        """Return what the alert of a cause is to say."""
        first = cause.first
        return msgspec.structs.replace(
            cause.strangest,
            at_ms=at_ms,
            device=first.device,
            lonlat=first.lonlat,
            place=first.place,
            why=self.causes.why(cause),
            cause_ms=cause.cause_ms,
            devices=cause.devices,
            quiet=quiet,
        )

    def _commands(self, output: ShardOutput) -> None:
        due_ms = min(int(self._newest.min()), output.now_ms)
        for command in output.commands:
            if command.action in BOOK_ACTIONS:
                if self.book.new(command):
                    self._out.book.append(msgspec.structs.replace(command, ts=output.now_ms))
                continue
            try:
                changes = self.book.command(command, output.now_ms, due_ms)
                self._out.alerts += changes
                self._out.patrols += self.patrol.answers(command, output.now_ms) if changes else []
            except KeyError as error:
                where = f"log position {output.position}"
                self._refuse(where, Reason.COMMAND, str(error.args[0]), command, output.now_ms)
