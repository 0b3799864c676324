"""From messages to records: decode, check, hash plates, number, drop repeats. No network and no disk in here.

For every message exactly one of these happens to each observation in it: it is a row of the batch, it is counted as a
repeat, or it is a refusal with a reason. Nothing a message holds makes `Intake.take` raise.
"""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from ingest.clock import Clock, DataClock
from ingest.codecs.lenient import NO_TIME, trimmed
from ingest.codecs.native import Decoded, NativeCodec, explain
from ingest.codecs.people import READERS, Said, said_record
from ingest.codecs.site_dialects import Dialects
from ingest.events import Command, DeviceStatus, Incident, PatrolDid, Status
from ingest.gateway.collector import FEW, Collector, Hurry, Taken
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.gateway_stats import IntakeCounts
from ingest.gateway.numbering import Numbering, RepeatFilter, repeat_key
from ingest.gateway.plates import MOST_SEALED, Plates, SealedPlateError, too_many_sealed
from ingest.gateway.quarantine import MAX_PAYLOAD
from ingest.gateway.quotas import STRANGERS, UNREAD, Condenser, Quotas, RefusalSums
from ingest.gateway.restless import Restless
from ingest.gateway.routes import OUTPUT, Leaf, Route, Routes
from ingest.health import AgentHealth, AgentReports, Stranger
from ingest.log import Record, RecordKind
from ingest.mqtt.signing import is_signed
from ingest.observations import LATEST_MS, Level, Observation, State, epoch_ms
from ingest.refusal import Refusal
from ingest.vocabulary import Flag, Reason

_STATUSES: Final = 50_000
_STEP_MS: Final = 60_000  # so far a clock that follows the data goes within one record
_NOT_OURS: Final = "not signed by the board of this site, or by another key than that of the gateway (commands.key)"
_OBSERVATIONS: Final = Leaf.OBSERVATIONS
"""Looked up once: looking up a member of an enumeration takes as long as a whole check, and every message needs it."""


class Intake:
    """Turns messages of one site into records. Not for use by several threads at once.

    Of observations only such times are refused as are none (before 1970, after 2100). How far a time may lie from that
    of its receipt is the pipeline's to judge (`stream.pipeline.shard`), which must act on an alarm whatever its time.
    With a clock that follows the data (``clock.live`` is False), ``received`` is what it shows then.
    """

    def __init__(
        self,
        *,
        routes: Routes,
        clock: Clock,
        plates: Plates,
        settings: GatewaySettings | None = None,
        command_keys: Sequence[bytes] = (),
        dialects: Dialects | None = None,
    ) -> None:
        self._routes, self._clock, self._plates, self._shards = routes, clock, plates, routes.shards
        settings = settings or GatewaySettings()
        # A replay tells again what was said, to a node that only it speaks to.
        self._command_keys = command_keys if clock.live else ()
        self._codec, self._dialects = NativeCodec(max_observations=settings.max_observations), dialects
        self._max_bytes = settings.max_payload_bytes
        self.repeats = RepeatFilter(settings.repeat_window_s)
        self.restless = Restless()
        self._numbering = Numbering()
        self._statuses: dict[str, bytes] = {}
        self._collectors: list[Collector | None] = [None] * self._shards.shards
        self._fullest = 0
        self._quotas = Quotas(settings, live=clock.live)
        self._source = STRANGERS
        """Who sent the message at hand, as far as that is known."""
        self._beat = ""
        self._condenser = Condenser()
        self._agents = AgentReports()
        self._late_statuses: dict[str, tuple[Route, DeviceStatus]] = {}
        """Device → its newest status over its quota."""
        self.sums = RefusalSums()
        self._hurry = Hurry()
        self._others: list[Record] = []
        self._whole: list[Record] = []
        """Records that are complete, and `_rows` observations in them."""
        self._rows = 0
        self._refusals: list[Refusal] = []
        self.counts = IntakeCounts()
        self.begin()

    def go_by(self, routes: Routes) -> None:
        """Take other routes, of as many shards; only while nothing is taken that waits for `finish`."""
        self._routes, self._shards = routes, routes.shards

    def begin(self) -> None:
        """Read the clock. Messages taken until the next call count as received now."""
        self._now = self._since = self._clock.now_ms()

    def steady_ms(self) -> int:
        """Return a time, in milliseconds, that goes on without steps: repeats are remembered by it."""
        return time.monotonic_ns() // 1_000_000 if self._clock.live else self._clock.now_ms()

    def may_wait(self) -> bool:
        """Tell whether all that was taken since `finish` may wait a moment for more."""
        return not self._others and self._fullest <= FEW and not self._hurry.of(self._collectors)

    def rows(self) -> int:
        """Return how many observations the longest batch has that waits for `finish`."""
        return self._fullest

    def take(self, topic: str, payload: bytes, *, retained: bool = False, size: int | None = None) -> None:
        """Take one message. ``size`` is its size as it came, where the payload was cut because it is too large."""
        size, limit = size or len(payload), self._max_bytes
        if not self._clock.live and self._clock.now_ms() - self._since >= _STEP_MS:
            self._cut()
        others = len(self._others)
        collector: Collector | None = None
        before = 0
        self._source = STRANGERS
        try:
            route = self._routes.find(topic)
            if route is OUTPUT:
                return
            self.counts.messages += 1
            if isinstance(route, Refusal):
                if route.reason is Reason.UNKNOWN_DEVICE:
                    self._agents.meet("", "", [Stranger("native", topic)], self._now)
                self._refuse(topic, route.reason, route.detail, payload, size)
                return
            self._source, self._beat = route.device or STRANGERS, route.beat
            if size > limit:
                self._refuse(topic, Reason.SIZE, f"{size} bytes, at most {limit} are taken", payload, size)
            elif route.leaf is _OBSERVATIONS:
                collector = self._collectors[route.shard]
                if collector is None:  # the first since `finish`
                    collector = self._collector(route.shard)
                before = len(collector)
                self._take_observations(topic, route, collector, payload, retained=retained)
            else:
                self._take_other(topic, route, payload, retained=retained)
        except Exception as error:  # noqa: BLE001 - a message must neither stop the gateway nor vanish
            if collector is not None:
                collector.truncate(before)
            del self._others[others:]
            self._refuse(topic, Reason.PROCESSING, f"{type(error).__name__}: {error}", payload, size)
        if collector is not None and len(collector) > self._fullest:
            self._fullest = len(collector)

    def _collector(self, shard: int) -> Collector:
        collector = self._collectors[shard]
        if collector is None:  # the first since `finish`
            collector = self._collectors[shard] = Collector(self._plates, self._routes.with_tokens)
        return collector

    def _cut(self) -> None:
        """End the record at hand. A replay at full speed brings days at once: what is found has their time so."""
        received = self._since = self._received()
        for shard, collector in enumerate(self._collectors):
            if collector is not None and len(collector):
                self._rows += len(collector)
                self._whole.append(Record(RecordKind.OBSERVATIONS, received, collector.batch.encode(), shard))
        self._whole += self._others
        for report in self._agents.reports(received):
            shard, said = self._shards.shard_of(report.beat), self._plates.hidden_payload(msgspec.json.encode(report))
            self._whole.append(Record(RecordKind.HEALTH, report.ts, said, shard))
        self._collectors = [None] * self._shards.shards
        self._others, self._fullest = [], 0

    def finish(self, *, sums: bool = True) -> Taken:
        """Return what has been taken since the last call, and begin the next.

        Without `sums` refusals of a flood go on being summed: they need not be a flood of writes.
        """
        received = self._received()
        self._quotas.settle()
        self._take_condensed()
        for fault in self._quotas.faults(received):
            shard = self._shards.shard_of(fault.beat)
            self._others.append(Record(RecordKind.FAULT, received, msgspec.json.encode(fault), shard))
        self._refusals += self.sums.take() if sums else []
        self._cut()
        taken = Taken(self._whole, self._refusals, self._rows)
        self.counts.observations += self._rows
        if odd := self._codec.odd_units:
            self.counts.odd_units = {self._plates.hidden_text(" in ".join(key)): number for key, number in odd.items()}
        self._reset()
        return taken

    def pass_by(self, topic: str, payload: bytes, size: int) -> None:
        """Refuse a message unread, because reading it ends the process; without a payload its bytes are withheld."""
        self.counts.messages += 1
        route = self._routes.find(topic)
        if isinstance(route, Route) and route.device:
            self._quotas.blame(route.beat, route.device, "crash", self._now)
        withheld = "" if payload else "; its bytes are withheld, because plates cannot be looked for in them"
        self._refuse(topic, Reason.CRASH, f"the gateway ended while reading this message{withheld}", payload, size)

    def give_up(self, messages: Sequence[tuple[str, bytes]], detail: str) -> Taken:
        """Return refusals for all messages since the last `finish`, which failed, and begin the next."""
        self._reset()
        for topic, payload in messages:
            self._refuse(topic, Reason.PROCESSING, detail, payload)
        return self.finish()

    def _reset(self) -> None:
        self._collectors = [None] * self._shards.shards
        self._others, self._refusals, self._whole = [], [], []
        self._fullest = self._rows = 0
        self._condenser, self._late_statuses = Condenser(), {}

    # -- observations ------------------------------------------------------------------------------------------------

    def _take_observations(
        self, topic: str, route: Route, collector: Collector, payload: bytes, *, retained: bool
    ) -> None:
        quotas, device = self._quotas, route.device
        if len(payload) > UNREAD and quotas.may_be_left_unread(quotas.share(device, self._now), payload):
            self._too_much(topic, payload, 1)
            return
        spoken = self._spoken(topic, route, payload, retained=retained) if route.rest else self._codec.decode(payload)
        (observations, refusals, raws), retained = spoken, retained and not route.rest
        for refusal in refusals:
            self._refuse(topic, refusal.reason, refusal.detail, refusal.payload, refusal.size)
        if not observations:
            quotas.pay(device, len(payload), self._now)
            return
        if too_many_sealed(observations):
            self._refuse(topic, Reason.SIZE, f"more than {MOST_SEALED} sealed plates in one message", payload)
            return
        share = quotas.plenty.get(device)
        if share is not None and len(observations) == 1 and observations[0].boot == share.boot:
            share.rows += 1
        elif not quotas.allows(device, observations, len(payload), self._now):
            observations, refused = self._condenser.within(quotas.share(device, self._now), topic, route, observations)
            if refused:
                self._too_much(topic, payload, refused)
            if not observations:
                return
            raws, payload = None, msgspec.json.encode(observations)
        if (
            len(observations) > 1
            and self._clock.live
            and not retained
            and collector.add_alike(route.beat, route.device, observations, self._now)
        ):
            return
        for index, observation in enumerate(observations):
            wrong = self._take_one(collector, route.beat, route.device, observation, retained=retained)
            if wrong is not None:
                if raws is None:
                    raws = self._codec.elements(payload)
                self._refuse(topic, *wrong, raws[index])

    def _spoken(self, topic: str, route: Route, payload: bytes, *, retained: bool) -> Decoded:
        """Return what a vendor's message came to; what a broker kept, its codec has judged."""
        if self._dialects is None:
            return Decoded([], [])
        spoken = self._dialects.decode(
            route.device, route.rest, payload, self._codec, received_ms=self._received(), retained=retained
        )
        self._agents.meet(route.beat, route.device, spoken.strangers, self._now)
        for state in spoken.statuses:
            if not retained or self._statuses.get(route.device) != state.encode():
                self._take_status(topic, route, state, state.encode(), retained=retained)
        self.counts.told = self._dialects.told
        return spoken.decoded

    def _take_condensed(self) -> None:
        """Take the hazards that were over the quotas, and the newest status of each device."""
        for condensed in self._condenser.held.values():
            route = condensed.route
            self._source, self._beat = route.device, route.beat
            collector, taken = self._collector(route.shard), condensed.taken()
            for one in taken:
                wrong = self._take_one(collector, route.beat, route.device, one)
                if wrong is not None:
                    self._refuse(condensed.topic, *wrong, msgspec.json.encode(one))
            if condensed.came > len(taken):
                self._too_much(condensed.topic, b"", condensed.came - len(taken))
        for route, status in self._late_statuses.values():
            self._append_status(route, status)

    def _too_much(self, topic: str, payload: bytes, times: int) -> None:
        """Refuse what is over a quota, and note whose fault it is."""
        over = self._quotas.share(self._source, self._now).over
        self._quotas.blame(self._beat, self._source, over, self._now, times)
        self._refuse(topic, Reason.QUOTA, f"more {over} than the device's share", payload, times=times)

    def _take_one(
        self, collector: Collector, beat: str, device: str, observation: Observation, *, retained: bool = False
    ) -> tuple[Reason, str] | None:
        ts, flags = epoch_ms(observation.ts), Flag.RETAINED if retained else 0
        flags |= Flag.BACKFILL if observation.backfill else 0
        if not NO_TIME < ts <= LATEST_MS and isinstance(observation, Level | State):
            ts, flags = self._received(), flags | Flag.TIMELESS
        if not 0 <= ts <= LATEST_MS:
            return Reason.CLOCK, f"{ts} is not between 1970 and 2100"
        received = self._now
        if not self._clock.live:
            self._clock.observe(ts)
            received = self._clock.now_ms()
        try:
            values = collector.values_of(observation, device)
        except SealedPlateError as error:
            return Reason.PLATE, str(error)
        seq, boot = observation.seq, observation.boot
        if seq is None:
            kind, a, b, _, metric, text = values
            if self.repeats.seen(repeat_key(device, kind, ts, a, b, metric, text), self.steady_ms()):
                self.counts.repeats += 1
                return None
            flags, seq, boot = flags | Flag.NUMBERED_HERE, self._numbering.next(device), self._numbering.boot
        collector.add((beat, device, boot), seq, ts, received, flags, values)
        return None

    # -- what people say, status -----------------------------------------------------------------------------------

    def _take_other(self, topic: str, route: Route, payload: bytes, *, retained: bool) -> None:
        if route.leaf is Leaf.CLOCK:
            if isinstance(self._clock, DataClock) and payload.isdigit() and int(payload[:16]) <= LATEST_MS:
                self._clock.tell(int(payload))
            else:
                self._refuse(topic, Reason.TOPIC, "only a replay's own node takes its time from messages", payload)
            return
        if route.leaf is Leaf.STATUS:
            if not payload:  # how a retained status is removed
                self._statuses.pop(route.device, None)
                return
            if retained and self._statuses.get(route.device) == payload:
                return  # the broker sends it after every reconnection
        if route.leaf is Leaf.COMMAND and self._command_keys and not is_signed(payload, topic, self._command_keys):
            self._refuse(topic, Reason.COMMAND, _NOT_OURS, payload)
            return
        decode, reason = READERS[RecordKind[route.leaf.name]]
        try:
            message = decode(trimmed(payload))
        except Exception as error:  # noqa: BLE001 - hostile bytes raise many types
            self._refuse(topic, reason, explain(error)[1], payload)
            return
        if isinstance(message, AgentHealth):  # what a broker kept says nothing of now
            if not retained and not self._agents.take(route.beat, route.device, message, self._received()):
                self._too_much(topic, payload, 1)
        elif isinstance(message, str):
            self._take_status(topic, route, message, payload, retained=retained)
        else:
            self._take_said(message, route)

    def _take_said(self, message: Said, route: Route) -> None:
        incidents = message if isinstance(message, list) else [message] if isinstance(message, Incident) else []
        for incident in incidents:
            self._clock.observe(epoch_ms(incident.ts))
        self._others.append(said_record(message, route.officer, self._plates.hidden_text, self._received()))
        self.counts.incidents += len(incidents)
        self.counts.commands += isinstance(message, Command)
        self.counts.dids += isinstance(message, PatrolDid)

    def _take_status(self, topic: str, route: Route, state: Status, payload: bytes, *, retained: bool) -> None:
        if route.device in self._statuses or len(self._statuses) < _STATUSES:
            self._statuses[route.device] = payload
        if state == "online" and not retained:
            self.restless.note(route.device, self._now)
        # The time in a last will is that of the connection, not of its end: what counts is when it came.
        status = DeviceStatus(beat=route.beat, device=route.device, state=state, ts=self._received())
        if not self._quotas.over_status(self._quotas.share(route.device, self._now)):
            self._append_status(route, status)
            return
        if route.device in self._late_statuses:
            self._too_much(topic, payload, 1)
        self._late_statuses[route.device] = route, status

    def _append_status(self, route: Route, status: DeviceStatus) -> None:
        self._others.append(Record(RecordKind.STATUS, status.ts, msgspec.json.encode(status), route.shard))
        self.counts.statuses += 1

    def _received(self) -> int:
        return self._now if self._clock.live else self._clock.now_ms()

    # -- refusals ---------------------------------------------------------------------------------------------------

    def _refuse(
        self, topic: str, reason: str, detail: str, payload: bytes, size: int | None = None, times: int = 1
    ) -> None:
        """Note that so many observations are refused, without raw plates; what is too much is only counted."""
        self.counts.quarantined[reason] += times
        length, payload = size or len(payload), b"" if self._routes.speaks(topic) else payload
        refusal = Refusal(reason, detail, payload, topic, self._received(), length, times)
        try:
            ours = reason in {Reason.PROCESSING, Reason.CRASH}  # what may be a fault of ours is kept whatever it costs
            if not ours and not self._quotas.keeps(self._source, len(payload), self._now):
                if self._source == STRANGERS:
                    topic = STRANGERS
                elif reason != Reason.QUOTA:
                    self._quotas.blame(self._beat, self._source, "refused", self._now, times)
                detail = self._plates.hidden_text(detail)
                self.sums.add(self._source, Refusal(reason, detail, b"", topic, refusal.received_ms, length, times))
                return
            refusal = self._plates.hidden_refusal(refusal, MAX_PAYLOAD)
        except Exception as error:  # noqa: BLE001 - rather no bytes than a raw plate
            detail = f"{detail[:60]} (bytes withheld, {type(error).__name__} while hiding plates)"
            refusal = msgspec.structs.replace(refusal, payload=b"", detail=detail)
        self._refusals.append(refusal)
