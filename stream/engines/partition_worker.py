"""A keeper: takes the records of one Kafka partition in order, and keeps the state that they make.

What holds, whatever ends when:

1. records are taken in the order of their offsets, each once from the state's point of view: one that the state has is
   passed over, one that is missing before it is read from Kafka by the keeper itself;
2. what a record gives is sent on first (`settle`), then the state is saved together with the position it belongs to,
   and only then are the records up to there acknowledged;
3. so after any crash the state is the older one: records behind it are worked through again, and because the pipeline
   is deterministic give the same results, which whoever receives them knows already.

Everything that fails (Kafka away, a sink that refuses, another worker that has taken over) ends in the same way: the
keeper lets go, waits, opens its state anew, and goes on from there. A record that makes the pipeline fail is *poison*:
that is noted with the state first, and the record passed by when the keeper comes to it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Final

import msgspec
from aiokafka.errors import ProducerFenced

from ingest.frame import NewerFrameError
from ingest.log.kafka_client import KafkaAddress
from stream.engines.cold_start import ColdStart
from stream.engines.kafka_state import StateTopic, read_partition
from stream.engines.worker_types import (
    Delivery,
    KeeperStats,
    NewerProgramError,
    OtherStateError,
    PoisonError,
)
from stream.state.changelog import Changelog, State, rebuild

_LOG: Final = logging.getLogger(__name__)
_INBOX: Final = 64
"""Records that wait for a keeper; more wait at Kafka."""
_AT_ONCE_S: Final = 0.05
"""So long a keeper may work before others get their turn."""
_WAIT_S: Final = 0.25
_FENCED_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 10.0
_SAVING_SHARE: Final = 5
"""State is saved at most for one part in so many of the time."""
_POISON_KEY: Final = b"poison"


class Keeper(ABC):
    """One partition's. Everything runs in one event loop; long work of the CPU is done in slices.

    Parameters
    ----------
    address
        How to reach Kafka.
    topic, partition
        Where the records come from.
    state
        Where the state is kept.
    about
        What the state depends on: the ``program``'s version, and settings. One of other settings is not taken.
    checkpoint_s
        How often state is saved.
    page
        See `stream.state.changelog.Changelog`.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        partition: int,
        state: StateTopic,
        about: dict[str, Any],
        checkpoint_s: float,
        page: int,
    ) -> None:
        self.address, self.topic, self.partition = address, topic, partition
        self.stats = KeeperStats()
        self.position = 0
        """Offset of the next record."""
        self._state, self._about, self._checkpoint_s = state, about, checkpoint_s
        self._changelog = Changelog(page)
        self._kept = 0
        """Position that the saved state belongs to: everything before may be acknowledged."""
        self._stale: set[bytes] = set()
        """Keys of a state that was not taken, to be removed."""
        self.anew: ColdStart | None = None
        """Set while the baselines learn anew, because no saved state could be used; kept with the state."""
        self._poison: dict[int, str] = {}
        self._inbox: deque[Delivery] = deque()
        self._unacknowledged: deque[Delivery] = deque()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._ending = self._paused = False
        self._saves_last, self._must_save = True, False
        self._saving: asyncio.Task[None] | None = None
        self._next_save = self._turn = 0.0
        self._task: asyncio.Task[None] | None = None

    # -- what the two kinds of keepers do ----------------------------------------------------------------------------

    @abstractmethod
    async def connect(self) -> None:
        """Open what results go to. Called before `restore`, and again after every `disconnect`."""

    @abstractmethod
    def restore(self, state: State | None) -> None:
        """Begin with a state, or with none. Raises ValueError, KeyError or TypeError for one that cannot be used."""

    @abstractmethod
    def upgrade(self, state: State, version: int) -> State:
        """Bring a state of an earlier version of the program up to date. Raises `ingest.frame.FrameError`."""

    @abstractmethod
    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Apply the next record; with `poison` not empty, pass it by and tell. Raises `PoisonError`."""

    @abstractmethod
    async def settle(self, *, idle: bool) -> None:
        """Bring results to where they go. Called before every checkpoint and, with `idle`, when nothing waits."""

    @abstractmethod
    def capture(self) -> State:
        """Return the state as it is now, with arrays of its own."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Let go of what `connect` opened, at once."""

    # -- from outside ------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether it has its state and works."""
        return not self.stats.failing

    def start(self) -> None:
        """Begin to work, as a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name=f"keeper {self.topic}/{self.partition}")

    async def offer(self, delivery: Delivery) -> None:
        """Give it a record; waits while many wait. After `pause` and `stop` records are dropped: they come again."""
        while len(self._inbox) >= _INBOX and not (self._paused or self._ending):
            self._room.clear()
            await self._room.wait()
        if not (self._paused or self._ending):
            self._inbox.append(delivery)
            self._wake.set()

    def pause(self) -> None:
        """Stop taking records while partitions are dealt out anew; those that wait come again."""
        self._paused = True
        self._inbox.clear()
        self._unacknowledged.clear()
        self._room.set()

    def resume(self) -> None:
        """Go on after a `pause`: the partition is still ours, if nobody had it in between, which saving will tell."""
        self._paused = False
        self._next_save, self._must_save = 0.0, True
        self._wake.set()

    async def stop(self, *, save: bool, timeout_s: float = 20.0) -> None:
        """End, with `save` after a last checkpoint."""
        self._ending, self._saves_last = True, save
        self._wake.set()
        self._room.set()
        if self._task is None:
            return
        if not save:
            self._task.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        if not done:
            _LOG.warning("%s: no last checkpoint within %.0f s; the next worker repeats a little", self, timeout_s)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=5.0)

    def __str__(self) -> str:
        """Return the partition's name."""
        return f"{self.topic}/{self.partition}"

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        wait_s = _WAIT_S
        while not self._ending:
            saved = self.stats.checkpoints
            try:
                await self._open()
                await self._work()
            except PoisonError as error:
                wait_s = await self._note(error)
            except ProducerFenced:
                # Either the other believes it has the partition, or it did for a moment: not both may insist at once.
                wait_s = min(2 * max(wait_s, _FENCED_WAIT_S), _LONGEST_WAIT_S)
                self.stats.failing = "another worker has taken over"
                _LOG.warning("%s: another worker has taken over; looks again in %.0f s", self, wait_s)
            except Exception as error:  # noqa: BLE001 - whatever fails, it lets go and begins again, and tells
                wait_s = _WAIT_S if self.stats.checkpoints > saved else min(2 * wait_s, _LONGEST_WAIT_S)
                self.stats.failing = f"{type(error).__name__}: {error}"
                _LOG.warning("%s: again in %.1f s: %s", self, wait_s, self.stats.failing, exc_info=_unexpected(error))
            finally:
                await self._let_go()
            if not self._ending:
                self.stats.restarts += 1
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._ended()

    async def _ended(self) -> None:
        while not self._ending:
            self._wake.clear()
            await self._wake.wait()

    async def _open(self) -> None:
        began = time.monotonic()
        self.stats.failing = self.stats.failing or "reading its state"
        entries = await self._state.open()
        noted = entries.pop(_POISON_KEY, None)
        self._poison = {} if noted is None else dict(msgspec.msgpack.decode(noted, type=list[tuple[int, str]]))
        await self.connect()
        self._changelog.forget()
        self._stale, self.anew = set(), None
        self.position = 0
        try:
            state = await asyncio.to_thread(rebuild, entries)
            if state is not None:
                self._take_over(state)
                await asyncio.to_thread(self._changelog.changes, state)
        except (NewerProgramError, NewerFrameError):
            raise
        except (ValueError, KeyError, TypeError, IndexError) as error:
            _LOG.warning("%s: the saved state is put aside, and learnt anew from what Kafka still has: %s", self, error)
            self.anew = ColdStart(time.time_ns() // 1_000_000, str(error))
            self._stale = set(entries)
            self.position = 0
            self.restore(None)
        else:
            if state is None:
                self.restore(None)
        self.stats.position = self.stats.saved = self._kept = self.position
        self.stats.recovery_s = time.monotonic() - began
        self.stats.failing = ""
        self._next_save = time.monotonic() + self._checkpoint_s
        _LOG.info("%s: goes on from position %d, after %.1f s", self, self.position, self.stats.recovery_s)

    def _take_over(self, state: State) -> None:
        about, position = state.meta.pop("about"), state.meta.pop("kept")
        self.anew = msgspec.convert(state.meta.pop("anew"), ColdStart | None)
        program, mine = about.pop("program"), self._about["program"]
        if program > mine:
            raise NewerProgramError(
                f"the saved state is of version {program}, and this program knows versions up to {mine}: a newer "
                "program wrote it; install that one again to go on with it"
            )
        if about != {name: value for name, value in self._about.items() if name != "program"}:
            raise OtherStateError(f"it was saved with the settings {about}, expected {self._about}")
        own = State(state.meta, {name: values.copy() for name, values in state.arrays.items()})
        self.restore(own if program == mine else self.upgrade(own, program))
        self.position = position

    async def _work(self) -> None:
        if self._unacknowledged and self._unacknowledged[-1].offset >= self.position:
            await self._catch_up(self._unacknowledged[-1].offset + 1)
        while not self._ending:
            if self._saving is not None and self._saving.done():
                self._saving.result()
                self._saving = None
            if self._inbox and not self._paused:
                delivery = self._inbox.popleft()
                self._room.set()
                await self._deliver(delivery)
            else:
                await self.settle(idle=True)
                await self._rest()
            await self._save_if_due()
        if self._saves_last and not self._paused:
            await self._save_last()

    async def _deliver(self, delivery: Delivery) -> None:
        self._unacknowledged.append(delivery)
        if delivery.offset > self.position:
            await self._catch_up(delivery.offset)
        if delivery.offset == self.position:
            await self._apply(delivery.offset, delivery.value)
        elif delivery.offset < self._kept:
            self._acknowledge(self._kept)

    async def _catch_up(self, end: int) -> None:
        """Take from Kafka what stands between the state and the next delivery."""
        _LOG.info("%s: reads again from position %d to %d", self, self.position, end)
        async with contextlib.aclosing(
            read_partition(self.address, self.topic, self.partition, self.position, end)
        ) as found:
            async for offset, _, value in found:
                if self._ending or self._paused:
                    return
                self.stats.repeated += 1
                await self._apply(offset, value)
                await self._save_if_due()
        self.position = max(self.position, end)  # what was between may be gone

    async def _apply(self, offset: int, value: bytes | None) -> None:
        position = offset + 1
        await self.take(offset, value, self._poison.get(position, ""))
        self.position = self.stats.position = position
        self.stats.records += 1
        if time.monotonic() - self._turn > _AT_ONCE_S:
            await asyncio.sleep(0)
            self._turn = time.monotonic()

    async def _rest(self) -> None:
        """Wait for a record, or until it is time for a checkpoint."""
        self._wake.clear()
        if self._ending or (self._inbox and not self._paused):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(self._next_save - time.monotonic(), 0.05)):
                await self._wake.wait()

    # -- saving ------------------------------------------------------------------------------------------------------

    async def _save_if_due(self) -> None:
        now = time.monotonic()
        if now < self._next_save or self._saving is not None or self._paused:
            return
        self._next_save = now + self._checkpoint_s
        if self.position != self.stats.saved or self._must_save:
            self._must_save = False
            await self.settle(idle=False)
            # What is captured no longer changes: it is compared and sent while further records are worked through.
            self._saving = asyncio.create_task(self._save(self._captured(), self.position))
            self._saving.add_done_callback(lambda _: self._wake.set())

    async def _save_last(self) -> None:
        if self._saving is not None:
            await self._saving
            self._saving = None
        await self.settle(idle=False)
        if self.position != self.stats.saved:
            await self._save(self._captured(), self.position)

    def _captured(self) -> State:
        state = self.capture()
        state.meta["about"], state.meta["kept"] = dict(self._about), self.kept_position()
        state.meta["anew"] = msgspec.to_builtins(self.anew)
        return state

    def kept_position(self) -> int:
        """Return the position from which records are needed by a state captured now."""
        return self.position

    async def _save(self, state: State, position: int) -> None:
        began = time.monotonic()
        kept = state.meta["kept"]
        changes = await asyncio.to_thread(self._changelog.changes, state)
        entries = dict.fromkeys(self._stale - changes.keys()) | changes
        if self._poison and max(self._poison) <= kept:
            entries[_POISON_KEY], self._poison = None, {}
        await self._state.write(entries)
        self._stale = set()
        stats, self._kept = self.stats, kept
        stats.saved = position
        stats.checkpoints += 1
        stats.checkpoint_s = time.monotonic() - began
        stats.checkpoint_bytes = sum(len(key) + len(value or b"") for key, value in entries.items())
        self._next_save = max(self._next_save, time.monotonic() + _SAVING_SHARE * stats.checkpoint_s)
        self._acknowledge(kept)

    def _acknowledge(self, position: int) -> None:
        """Acknowledge, in order, what stands before a saved position."""
        while self._unacknowledged and self._unacknowledged[0].offset < position:
            self._unacknowledged.popleft().ack()

    async def _note(self, error: PoisonError) -> float:
        """Note poison with the state; return how long to wait before going on."""
        self.stats.failing = f"a record cannot be processed: {error}"
        self.stats.poison += 1
        _LOG.error("%s: a record cannot be processed, and is passed by: %s", self, error)
        self._poison[error.position] = error.why
        try:
            await self._cancel_saving()
            await self._state.write({_POISON_KEY: msgspec.msgpack.encode(list(self._poison.items()))})
        except Exception as failed:  # noqa: BLE001 - it fails again then, and is noted then
            _LOG.warning("%s: that could not be noted: %s", self, failed)
            return _WAIT_S
        return 0.0

    async def _cancel_saving(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.cancel()
            await asyncio.wait({saving})
            if not saving.cancelled() and saving.exception() is not None:
                _LOG.debug("%s: a checkpoint was given up: %s", self, saving.exception())

    async def _let_go(self) -> None:
        await self._cancel_saving()
        await self.disconnect()
        await self._state.close()


def _unexpected(error: Exception) -> bool:
    """Tell whether an error is worth its whole trace: those of Kafka and of files say what they are."""
    return isinstance(error, AttributeError | TypeError | KeyError | IndexError | AssertionError)
