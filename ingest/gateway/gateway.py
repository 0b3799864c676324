"""The gateway: MQTT messages of one site go into the log, and are acknowledged when they are on disk.

The order of one flush, which a crash may cut anywhere:

1. take what has arrived, decode and check it (`ingest.gateway.intake`);
2. append records to the log: on disk, or nothing is;
3. add refusals to quarantine;
4. acknowledge.

The broker repeats what was not acknowledged. Repeats change nothing: the pipeline applies a numbered observation once,
those numbered here are recognised by their content, and equal refusals share one quarantine entry.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ingest import topics
from ingest.clock import Clock
from ingest.codecs.site_dialects import Dialects
from ingest.gateway.collector import Taken
from ingest.gateway.gateway_settings import GatewayConfig
from ingest.gateway.gateway_stats import GatewayStats, Meter
from ingest.gateway.identity import Identity, Leaving
from ingest.gateway.intake import Intake
from ingest.gateway.numbering import refill
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log import AWAY, Log, Record, RecordKind
from ingest.log.keeper import Held, Keeper, Mids
from ingest.mqtt import Inbound
from ingest.mqtt.ear import Ear
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.trials import TRIED_S, Trials
from ingest.places import Places, PlacesRecord, encode_places
from ingest.setup.crash_marker import CrashMarker, no_longer_than, survives
from ingest.shards import ShardMap

_log = logging.getLogger(__name__)
_EAR_S: Final = 0.2
"""How long the log must have failed before another way is used to hear devices."""
_WAITED_MS: Final = 5_000
_SUM_S: Final = 1.0
_FLUSH_S: Final = 30.0


class Gateway:
    """Takes one site's messages from the broker to the log.

    Parameters
    ----------
    config, places
        Settings, and the beats and devices that are known; None for places takes every device.
    tell
        Is given records that cannot be logged yet, so that hazards in them are told at once.
    log, quarantine, plates
        Where good and bad go, and what hides plates. They stay open at `stop`: the caller closes them.
    clock
        The site's clock; one that follows the data switches the clock guard and the ticks off.
    """

    def __init__(
        self,
        config: GatewayConfig,
        places: Places | None,
        log: Log,
        quarantine: Quarantine,
        clock: Clock,
        plates: Plates,
        tell: Callable[[list[Record]], None] | None = None,
    ) -> None:
        self.config, self._log, self._quarantine, self._clock, self._plates = config, log, quarantine, clock, plates
        settings = config.settings
        self.places = places
        """Those that the newest observations in the log were taken by."""
        self._edited: tuple[Places, str, int] | None = None
        """Places that are to be logged, with who changed them and when."""
        """Those that are to be."""
        self.calendar = self._next_calendar = b""
        """The newest calendar in the log, as far as this gateway has logged one, and the one that is to be."""
        self._dialects = Dialects(config.site, ZoneInfo(config.zone))
        self._intake = Intake(
            routes=self._routes(places),
            clock=clock,
            plates=plates,
            settings=settings,
            command_keys=config.command_keys,
            dialects=self._dialects,
        )
        self._inbox = Inbox(settings.max_payload_bytes, config.max_queued_bytes)
        identity = Identity(config.identity, config.full_name, settings.client_id)
        self._session = config.session(self._inbox, identity.client_id)
        self._leaving = Leaving(identity, self._session, [config.leaver(self._inbox, one) for one in identity.leave])
        self._in_hand = CrashMarker(config.marker)
        self._trials = Trials(self._in_hand, self._take, settings.receive_maximum)
        self._stopping = threading.Event()
        self._writer = threading.Thread(target=self._run, name=f"gateway-{config.site}", daemon=True)
        self._appended = self._records = 0
        self._flushed_at = self._summed_at = 0.0
        self._fault = ""
        self._keeper = Keeper(
            append=self._append_held,
            refuse=quarantine.add_many,
            acknowledge=self._acknowledge,
            tell=tell,
            most_bytes=config.max_queued_bytes,
            window=settings.receive_maximum,
        )
        self._ear = Ear(config.broker, topics.observations(config.site, "+", "+"), settings.max_payload_bytes)
        self._appended_at = [time.monotonic()] * config.shards
        self._logged_ms = [0] * config.shards
        self._meter = Meter()

    def start(self) -> None:
        """Rebuild what is remembered of the log's end, then connect in the background.

        Raises OSError where the log cannot be read; nothing has begun then, and it may be called once more.
        """
        try:
            refill(self._intake.repeats, self._log, self._intake.steady_ms(), self.config.shards)
        except OSError as error:
            if not self._keeper.telling:
                raise
            _log.error("the log cannot be read, so repeats of what came before are not known: %s", error)
        if self.config.dialects is not None:
            self._dialects.keep_in(self.config.dialects, self._log)
            self._dialects.go_by({} if self.places is None else self.places.devices)
        self._in_hand.begin()
        self._writer.start()
        self._leaving.start()

    def change_places(self, places: Places, by: str = "", at_ms: int = 0) -> None:
        """Bring edited places into the log, and go by them from there on; the writer does so within a second.

        `by` and `at_ms` say who changed them, and when, where that is known.
        """
        self._edited = places, by, at_ms

    def change_calendar(self, payload: bytes) -> None:
        """Bring a calendar of the site (`ingest.days.site_calendar.encode_calendar`) into the log, within a second."""
        self._next_calendar = payload

    def stop(self) -> None:
        """Store and acknowledge what has been received, then disconnect. What comes later waits at the broker.

        While the log is full nothing is stored: the broker keeps all that was not acknowledged.
        """
        self._stopping.set()
        self._inbox.close()
        self._writer.join()
        self._leaving.stop()
        self._session.close()
        self._dialects.close()
        self._in_hand.end()

    def stats(self) -> GatewayStats:
        """Return the totals; callable at any time from any thread."""
        counts = self._intake.counts
        messages_per_s, observations_per_s = self._meter.rates(counts.messages, self._appended)
        return GatewayStats(
            **msgspec.structs.asdict(counts) | {"quarantined": counts.quarantined.copy(), "told": counts.told.copy()},
            connected=self._session.up or self._leaving.up,
            connections=self._session.connections,
            last_error=self._fault or self._leaving.trouble or self._session.trouble,
            conflict=self._session.conflicts.text,
            restless=self._intake.restless.devices(self._clock.now_ms()),
            forgotten=self._session.forgotten,
            appended=self._appended,
            records=self._records,
            waiting=len(self._inbox) + self._keeper.waiting,
            log_full=self._keeper.trouble,
            quarantine_full=self._keeper.refuse_trouble,
            refusals_lost=self._keeper.lost,
            messages_per_s=messages_per_s,
            observations_per_s=observations_per_s,
        )

    # -- writer thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        keeper, tick_s = self._keeper, self.config.settings.tick_s
        while True:
            if self._edited is not None and not keeper.stuck:
                self._take_places(*self._edited)
            if self._next_calendar != self.calendar and not keeper.stuck:
                self._take_calendar(self._next_calendar)
            waiting = len(self._inbox)
            if waiting and keeper.room:
                self._gather()
                self._flush(self._inbox, waiting)
            elif not self._stopping.is_set():
                self._inbox.wait(min(tick_s, 0.05 if keeper.stuck else 0.5))
            ending = self._stopping.is_set() and (keeper.stuck or not waiting)
            if self._intake.sums and keeper.room and (ending or self._sums_due()):
                self._keep(self._intake.finish(), {})
            if ending:
                keeper.turn(now=True)  # what cannot be stored stays at the broker: it is not acknowledged
                break
            self._listen()
            keeper.turn()
            self._tick()
            self._meter.sample(self._intake.counts.messages, self._appended)
        self._ear.close()

    def _listen(self) -> None:
        """Hear what devices say in another way while the log cannot be written for long.

        Of QoS 1 the broker sends only so much without an acknowledgement.
        """
        keeper, ear = self._keeper, self._ear
        if not keeper.trouble or not keeper.telling or not self._clock.live:
            ear.close()
        elif keeper.room and time.monotonic() > keeper.since + _EAR_S:
            inbox = ear.opened()
            if inbox:
                self._flush(inbox, len(inbox), heard=True)

    def _routes(self, places: Places | None) -> Routes:
        return Routes(
            self.config.site,
            places,
            accept_unknown=self.config.settings.accept_unknown,
            shards=ShardMap(self.config.shards, None if places is None else places.beats),
            dialects=self.config.dialects is not None,
        )

    def _take_places(self, places: Places, by: str = "", at_ms: int = 0) -> None:
        """Log edited places for every shard, and go by them; tried again at the next turn where that cannot be."""
        payload = encode_places(PlacesRecord(self.config.shards, places, by, at_ms))
        now_ms = self._clock.now_ms()
        with self._keeper.storing():
            routes = self._routes(places)
            self._dialects.go_by(places.devices)
            self._append([Record(RecordKind.PLACES, now_ms, payload, shard) for shard in range(self.config.shards)])
            self._intake.go_by(routes)
            self.places = places
            if self._edited is not None and self._edited[0] is places:
                self._edited = None

    def _take_calendar(self, payload: bytes) -> None:
        """Log a calendar for every shard; tried again at the next turn where that cannot be."""
        now_ms = self._clock.now_ms()
        with self._keeper.storing():
            self._append([Record(RecordKind.CALENDAR, now_ms, payload, shard) for shard in range(self.config.shards)])
            self.calendar = payload

    def _gather(self) -> None:
        """Wait where the flush before is not long ago, so that this one has more in it."""
        left = self._flushed_at + self.config.linger_s - time.monotonic()
        if left > 0:
            self._stopping.wait(left)
        self._flushed_at = time.monotonic()

    def _flush(self, inbox: Inbox, waiting: int, *, heard: bool = False) -> None:
        """Take up to `waiting` messages, as many as one record holds, and bring them to disk.

        What was only `heard` comes once more: it is neither acknowledged nor refused.
        """
        mids: Mids = {}
        taken: list[tuple[str, bytes]] = []
        until = time.monotonic() + self.config.gather_s
        self._dialects.deaf = heard
        self._take_some(inbox, waiting, taken, mids)
        while self.config.gather_s and not heard and self._intake.may_wait() and not self._stopping.is_set():
            left = until - time.monotonic()
            if left <= 0:
                break
            inbox.wait(left)
            self._take_some(inbox, len(inbox), taken, mids)
        done = self._finish(taken)
        self._keep(done._replace(refusals=[]) if heard else done, {} if heard else mids)

    def _keep(self, done: Taken, mids: Mids) -> None:
        self._keeper.put(Held(done.records, done.refusals, mids, done.observations, self._dialects.changes()))

    def _acknowledge(self, mids: Mids) -> None:
        # What came by a connection that is over cannot be acknowledged any more; it is stored all the same, because a
        # broker without persistence would not repeat it.
        for connection, some in mids.items():
            if not self._session.acknowledge(connection, some):
                self._leaving.acknowledge(connection, some)

    def _take_some(self, inbox: Inbox, waiting: int, taken: list[tuple[str, bytes]], mids: Mids) -> None:
        """Take up to `waiting` messages, as many as one record holds; note them, and their ids by connection."""
        intake, max_rows = self._intake, self.config.settings.max_rows
        intake.begin()
        trials = self._trials.left > 0 and inbox is self._inbox
        tried, deadly = self._trials.next(inbox, waiting) if trials else (None, set[int]())
        with nullcontext() if self.config.marker is None else no_longer_than(_FLUSH_S):
            for place in range(waiting if tried is None else len(tried)):
                message = inbox.take() if tried is None else tried[place]
                if message is None:
                    break
                (self._pass_by if place in deadly else self._take)(message)
                taken.append((message.topic.decode("utf-8", "replace"), message.payload))
                if message.qos:
                    mids.setdefault(message.connection, []).append(message.mid)
                if tried is None and intake.rows() >= max_rows:
                    break

    def _take(self, message: Inbound) -> None:
        topic = message.topic.decode("utf-8", "replace")
        self._intake.take(topic, message.payload, retained=message.retain, size=message.size)

    def _pass_by(self, message: Inbound) -> None:
        topic, payload = message.topic.decode("utf-8", "replace"), message.payload
        _log.error("%s: a message of %d bytes ends the gateway; it is passed by", topic, message.size)
        shown = survives(lambda: self._plates.hidden_payload(payload), TRIED_S)
        self._intake.pass_by(topic, payload if shown else b"", message.size)

    def _finish(self, messages: list[tuple[str, bytes]]) -> Taken:
        try:
            return self._intake.finish(sums=self._sums_due())
        except Exception as error:  # noqa: BLE001 - it must neither stop the gateway nor lose the messages
            _log.exception("a batch could not be written; its %d messages go to quarantine", len(messages))
            self._fault = f"{type(error).__name__}: {error}"
            return self._intake.give_up(messages, self._fault)

    def _sums_due(self) -> bool:
        """Tell whether the sums of refused messages are to be written: at most once a second."""
        if due := time.monotonic() - self._summed_at >= _SUM_S:
            self._summed_at = time.monotonic()
        return due

    def _append_held(self, held: Held) -> None:
        # What people were told of keeps its time: the same alert then gets the same id.
        self._dialects.intend(held.memory, held.records, self._log)
        if held.records:
            self._append(held.records if held.told else self._with_time_of_now(held.records))
            self._dialects.done()
        self._appended += held.observations

    def _with_time_of_now(self, records: list[Record]) -> list[Record]:
        """Return records that had to wait for the log with the time of now; others as they are.

        Other gateways have logged later times meanwhile, and a time far behind those looks like a clock that was wrong
        before. Each observation has its own time of receipt.
        """
        now_ms = self._clock.now_ms()
        if not self._clock.live or now_ms - records[0].received_ms < _WAITED_MS:
            return records
        return [msgspec.structs.replace(record, received_ms=now_ms) for record in records]

    def _append(self, records: list[Record]) -> None:
        self._log.append(records)
        self._records += len(records)
        now = time.monotonic()
        for record in records:
            self._appended_at[record.shard] = now
            self._logged_ms[record.shard] = record.received_ms

    def _tick(self) -> None:
        """Log the time for the shards that have had no other record for a while; see whether plate keys changed."""
        self._plates.refresh(self._clock.now_ms())
        late = self._shards_without_time()
        if not late or self._keeper.stuck:
            return
        now_ms, said = self._clock.now_ms(), b"" if self._session.up or not self._clock.live else AWAY
        with self._keeper.storing():
            self._append([Record(RecordKind.TICK, now_ms, said, shard) for shard in late])

    def _shards_without_time(self) -> list[int]:
        if self._clock.live:
            before = time.monotonic() - self.config.settings.tick_s
            if min(self._appended_at) > before:
                return []
            return [shard for shard, at in enumerate(self._appended_at) if at <= before]
        if len(self._logged_ms) == 1:
            return []
        # Where time follows the data, data of one shard move the others on: the site waits for every shard's time.
        before_ms = self._clock.now_ms() - round(self.config.settings.tick_s * 1000)
        return [shard for shard, logged_ms in enumerate(self._logged_ms) if logged_ms <= before_ms]
