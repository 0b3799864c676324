"""A partition worker: takes the records of one Kafka partition in order, and keeps the state that they make.

What always holds, whichever process ends, and whenever:

1. records are taken in the order of their offsets, and the state takes each of them once: a record that the state has
   is passed over, and the worker itself reads from Kafka the records that are missing before the next one;
2. the results of a record go out first (`ShardWorkload.settle`), then the state is saved together with the position it
   belongs to, and only then are the records up to there acknowledged;
3. so after a crash the saved state is never newer than the results: the records behind it are processed again. The
   pipeline is deterministic, so they give the same results, and receivers drop what they have already.

Everything that fails (Kafka away, another worker that has taken over) ends in the same way: the worker lets go, waits,
opens its state again, and goes on from there. A sink that fails holds up nothing but saving; one that has missed
results makes the worker open its state again, with the sinks left open. A record that makes the pipeline fail is
*poison*: that is noted with the state first, and the record is passed by when the worker comes to it again.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.errors import ProducerFenced

from ingest.frame import NewerFrameError
from ingest.setup.backoff import Backoff
from models.state import State, StateError
from stream.engines.cold_start import ColdStart, begin_cold_start
from stream.engines.kafka_state import read_partition
from stream.engines.workloads import PoisonError, ShardWorkload, SiteWorkload
from stream.state.changelog import Changelog, rebuild
from stream.state.snapshot import migrate

_LOG: Final = logging.getLogger(__name__)
_INBOX: Final = 64
"""Records that wait for a worker; more wait at Kafka."""
_UNACKNOWLEDGED: Final = 4_096
"""Records whose acknowledgement waits for the state to be saved. Beyond that the oldest are acknowledged before: what
counts is the position of the saved state, and the worker reads from Kafka again what that lacks."""
_AT_ONCE_S: Final = 0.05
"""So long a worker may work before others get their turn."""
_RETRY_S: Final = (0.25, 10.0)
_FENCED_S: Final = 2.0
_SAVING_SHARE: Final = 5
"""State is saved at most for one part in so many of the time."""
_POISON_KEY: Final = b"poison"


class PartitionRecord(NamedTuple):
    """A record as it comes."""

    offset: int
    value: bytes | None
    acknowledge: Callable[[], Any]
    """Tells the group's coordinator that it is done with."""


class NewerProgramError(Exception):
    """The saved state was written by a newer program: going on without it would lose what it has learned."""


class PartitionWorker:
    """Works on one partition. Everything runs in one event loop; long work of the CPU is done in slices.

    Parameters
    ----------
    workload
        Where the records come from, what is done with them, and where the state is kept.
    """

    def __init__(self, workload: ShardWorkload | SiteWorkload) -> None:
        self.topic, self.partition = workload.topic, workload.partition
        self.workload, self.stats = workload, workload.stats
        self.position = 0
        """Offset of the next record."""
        self.saved = 0
        """Position that the saved state belongs to."""
        self.trouble = "starting"
        """Why it does not work; empty while it does."""
        self._state, self._checkpoint_s = workload.state, workload.site.checkpoint_s
        self._changelog = Changelog(workload.page)
        self._needed = 0
        """Position from which the saved state needs records: those before may be acknowledged."""
        self._stale: set[bytes] = set()
        """Keys of a saved state that could not be used; the next checkpoint removes them."""
        self._poison: dict[int, str] = {}
        self._inbox: deque[PartitionRecord] = deque()
        self._unacknowledged: deque[PartitionRecord] = deque()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._ending = self._paused = False
        self._saves_last, self._must_save = True, False
        self._saving: asyncio.Task[None] | None = None
        self._next_save = self._turn = 0.0
        self._task: asyncio.Task[None] | None = None

    # -- from outside ------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether it has its state and works."""
        return not self.trouble

    @property
    def failing(self) -> dict[str, str]:
        """Why it does not work, by its partition's name, and which sinks do not take results."""
        return self.workload.failing | ({str(self): self.trouble} if self.trouble else {})

    def start(self) -> None:
        """Begin to work, as a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name=f"worker {self.topic}/{self.partition}")

    async def offer(self, incoming: PartitionRecord) -> None:
        """Give it a record; waits while many wait. After `pause` and `stop` records are dropped: they come again."""
        while len(self._inbox) >= _INBOX and not (self._paused or self._ending):
            self._room.clear()
            await self._room.wait()
        if not (self._paused or self._ending):
            self._inbox.append(incoming)
            self._wake.set()

    def pause(self) -> None:
        """Stop taking records while Kafka assigns partitions; those that wait come again."""
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
        retry = Backoff(*_RETRY_S)
        while not self._ending:
            wait_s, saved = 0.0, self.stats.checkpoints
            try:
                await self._open()
                while await self._work():
                    _LOG.info("%s: a sink works again and has missed results: goes back to the saved state", self)
                    await self._leave_state()
                    await self._open()
            except PoisonError as error:
                wait_s = await self._note(error)
            except Exception as error:  # noqa: BLE001 - whatever fails, it lets go and begins again, and tells
                if self.stats.checkpoints > saved:
                    retry.reset()
                wait_s, self.trouble = retry.next_s(), f"{type(error).__name__}: {error}"
                if isinstance(error, ProducerFenced):
                    # Either the other believes it has the partition, or it did for a moment: not both may insist.
                    wait_s, self.trouble = max(wait_s, _FENCED_S), "another worker has taken over"
                _LOG.warning("%s: again in %.1f s: %s", self, wait_s, self.trouble, exc_info=_unexpected(error))
            finally:
                await self._leave_state()
                await self.workload.close()
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
        self.trouble = self.trouble or "reading its state"
        entries = await self._state.open()
        noted = entries.pop(_POISON_KEY, None)
        self._poison = {} if noted is None else dict(msgspec.msgpack.decode(noted, type=list[tuple[int, str]]))
        await self.workload.open()
        self._changelog.forget()
        self._stale, self.stats.cold_start = set(), None
        self.position = 0
        try:
            state = await asyncio.to_thread(rebuild, entries)
            if state is not None:
                if self._take_over(state):
                    await asyncio.to_thread(self._changelog.changes, state)
                else:  # the entries of a migrated state are laid out otherwise: all are written again
                    self._stale = set(entries)
        except (NewerProgramError, NewerFrameError):
            raise
        except (ValueError, KeyError, TypeError, IndexError) as error:
            _LOG.warning("%s: the saved state is put aside, and learned again from what Kafka still has", self)
            self.stats.cold_start = begin_cold_start(str(error))
            self._stale = set(entries)
            self.position = 0
            self.workload.restore(None, 0)
        else:
            if state is None:
                self.workload.restore(None, 0)
        self.saved = self._needed = self.position
        self.stats.recovery_s = time.monotonic() - began
        self.trouble = ""
        self._next_save = time.monotonic() + self._checkpoint_s
        _LOG.info("%s: goes on from position %d, after %.1f s", self, self.position, self.stats.recovery_s)

    def _take_over(self, state: State) -> bool:
        """Go on from a saved state; tell whether it is as this program, with these settings, would have written it."""
        about, position = state.take("about"), state.take("needed_from")
        self.stats.cold_start = state.take("cold_start", ColdStart | None)
        program, mine = about.pop("program"), self.workload.about["program"]
        if program > mine:
            raise NewerProgramError(
                f"the saved state is of version {program}, and this program knows versions up to {mine}: a newer "
                "program wrote it; install that one again to go on with it"
            )
        wanted = {name: value for name, value in self.workload.about.items() if name != "program"}
        if about | {"window_s": wanted["window_s"]} != wanted:
            raise StateError(f"it was saved with the settings {about}, expected {wanted}")
        migrated = migrate(about["part"].partition(" ")[0], state, program)
        fits = self.workload.restore(migrated, position, about["window_s"])
        self.position = position
        return bool(program == mine) and fits

    async def _work(self) -> bool:
        """Work until it is to end, or until results have to be made again, from the saved state on; tell whether so."""
        if self._unacknowledged and self._unacknowledged[-1].offset >= self.position:
            await self._catch_up(self._unacknowledged[-1].offset + 1)
        while not self._ending:
            if self._saving is not None and self._saving.done():
                self._saving.result()
                self._saving = None
            if self._inbox and not self._paused:
                incoming = self._inbox.popleft()
                self._room.set()
                await self._take(incoming)
            else:
                await self._rest()
            if self.workload.behind:
                return True
            await self._save_if_due()
        if self._saves_last and not self._paused:
            await self._save_last()
        return False

    async def _take(self, incoming: PartitionRecord) -> None:
        self._unacknowledged.append(incoming)
        if len(self._unacknowledged) > _UNACKNOWLEDGED:
            self._unacknowledged.popleft().acknowledge()
        if incoming.offset > self.position:
            await self._catch_up(incoming.offset)
        if incoming.offset == self.position:
            await self._apply(incoming.offset, incoming.value)
        elif incoming.offset < self._needed:
            self._acknowledge(self._needed)

    async def _catch_up(self, end: int) -> None:
        """Take from Kafka what is missing between the state and the next record."""
        _LOG.info("%s: reads again from position %d to %d", self, self.position, end)
        async with contextlib.aclosing(
            read_partition(self.workload.site.address, self.topic, self.partition, self.position, end)
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
        await self.workload.take(offset, value, self._poison.get(position, ""))
        self.position = position
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
        if self.position != self.saved or self._must_save:
            self._must_save = False
            # What is captured no longer changes: it is compared and sent while further records are worked through.
            self._saving = asyncio.create_task(self._save(self._captured(), self.position))
            self._saving.add_done_callback(lambda _: self._wake.set())

    async def _save_last(self) -> None:
        if self._saving is not None:
            await self._saving
            self._saving = None
        if self.position != self.saved:
            await self._save(self._captured(), self.position)

    def _captured(self) -> State:
        state = self.workload.capture()
        state.put("about", self.workload.about)
        state.put("needed_from", self.workload.needed_from(self.position))
        state.put("cold_start", self.stats.cold_start)
        return state

    async def _save(self, state: State, position: int) -> None:
        await self.workload.settle()
        began = time.monotonic()
        needed = state.get("needed_from", int)
        changes = await asyncio.to_thread(self._changelog.changes, state)
        entries = dict.fromkeys(self._stale - changes.keys()) | changes
        if self._poison and max(self._poison) <= needed:
            entries[_POISON_KEY], self._poison = None, {}
        await self._state.write(entries)
        self._stale = set()
        stats, self._needed, self.saved = self.stats, needed, position
        stats.checkpoints += 1
        stats.checkpoint_s = time.monotonic() - began
        stats.checkpoint_bytes = sum(len(key) + len(value or b"") for key, value in entries.items())
        self._next_save = max(self._next_save, time.monotonic() + _SAVING_SHARE * stats.checkpoint_s)
        self._acknowledge(needed)

    def _acknowledge(self, position: int) -> None:
        """Acknowledge, in order, what stands before a saved position."""
        while self._unacknowledged and self._unacknowledged[0].offset < position:
            self._unacknowledged.popleft().acknowledge()

    async def _note(self, error: PoisonError) -> float:
        """Note poison with the state; return how long to wait before going on."""
        self.trouble = f"a record cannot be processed: {error}"
        self.stats.poison += 1
        _LOG.error("%s: a record cannot be processed, and is passed by: %s", self, error)
        self._poison[error.position] = error.why
        try:
            await self._cancel_saving()
            await self._state.write({_POISON_KEY: msgspec.msgpack.encode(list(self._poison.items()))})
        except Exception as failed:  # noqa: BLE001 - it fails again then, and is noted then
            _LOG.warning("%s: that could not be noted: %s", self, failed)
            return _RETRY_S[0]
        return 0.0

    async def _cancel_saving(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.cancel()
            await asyncio.wait({saving})
            if not saving.cancelled() and saving.exception() is not None:
                _LOG.debug("%s: a checkpoint was given up: %s", self, saving.exception())

    async def _leave_state(self) -> None:
        await self._cancel_saving()
        await self._state.close()


def _unexpected(error: Exception) -> bool:
    """Tell whether an error is worth its whole trace: those of Kafka and of files say what they are."""
    return isinstance(error, AttributeError | TypeError | KeyError | IndexError | AssertionError)
