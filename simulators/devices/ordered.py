"""What a simulator is told to let happen while it runs, and what it says of it: over MQTT, and signed.

A real site has no such way: nobody listens there, and no device can be made to send what it has not seen.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final

import msgspec

from ingest import topics
from ingest.clock import wall_ms
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session
from ingest.mqtt.signing import is_signed
from simulators.world.ordered_scenario import OrderedScenario, OrderRefusedError
from simulators.world.scenarios import Schedule, Truth

_LOOK_S: Final = 0.1
_SAY_S: Final = 5.0
"""What has happened is said at least so often, so that whoever looks knows that the simulator still runs."""
SILENT_S: Final = 20.0
"""Who says nothing for so long does not run any more."""
_MOST_BYTES: Final = 8_000
_MOST_ANSWERS: Final = 20


class RefusedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that cannot be carried out; its sentence is ``simulate-refused``."""

    order: str
    code: str
    values: dict[str, str | float] = {}


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulator says of itself, on `ingest.topics.simulated`. Times of scenarios are event time, epoch ms."""

    wall_ms: int
    """When it was said, by its machine's clock."""
    now_ms: int = 0
    """The simulated time."""
    ended: bool = False
    """It runs no more."""
    truths: list[Truth] = []
    """What has begun or was ordered, the newest of it, in order of time."""
    refused: list[RefusedOrder] = []
    """The newest orders that cannot be carried out."""

    def silent(self) -> bool:
        """Tell whether it has ended, or has not been heard for so long that it must have."""
        return self.ended or abs(wall_ms() - self.wall_ms) > SILENT_S * 1000


class _Signed(OrderedScenario, frozen=True, kw_only=True):
    sign: Annotated[str, msgspec.Meta(max_length=64)]


class OrderDesk:
    """Takes orders for a schedule, each once, and says what has come of them.

    Parameters
    ----------
    schedule
        What lets things happen.
    site, keys
        Whose topic an order has to be signed for, and the secrets of which one has signed it.
    """

    def __init__(self, schedule: Schedule, site: str, keys: Sequence[bytes]) -> None:
        self._schedule, self._topic, self._keys = schedule, topics.simulate(site), keys
        self._known: set[str] = set()
        self._refused: list[RefusedOrder] = []

    def take(self, payload: bytes) -> None:
        """Carry out an order. What nobody has signed, or nobody can read, is passed by."""
        if not is_signed(payload, self._topic, self._keys):
            return
        try:
            order = msgspec.json.decode(payload, type=_Signed)
        except (msgspec.MsgspecError, RecursionError):
            return
        if order.id in self._known:
            return
        self._known.add(order.id)
        try:
            self._schedule.take(order)
        except OrderRefusedError as error:
            self._refused.append(RefusedOrder(order=order.id, code=error.code, values=error.values))

    def happening(self, now_ms: int) -> Happening:
        """Return what has begun by now, or was ordered: as much of it as a message may hold, the newest."""
        with self._schedule.lock:
            seen = [truth for truth in self._schedule.truths if truth.order or truth.start <= now_ms]
        seen.sort(key=lambda truth: truth.start)
        refused = self._refused[-_MOST_ANSWERS:]
        found = Happening(wall_ms=wall_ms(), now_ms=now_ms, truths=seen, refused=refused)
        while len(msgspec.json.encode(found)) > _MOST_BYTES and found.truths:
            found.truths.pop(0)
        return found


@contextmanager
def taking_orders(
    schedule: Schedule, broker: BrokerAddress, site: str, keys: Sequence[bytes], now_ms: Callable[[], int]
) -> Iterator[None]:
    """Take orders over one MQTT connection as long as the block runs; `now_ms` is the event time."""
    desk, waiting, over = OrderDesk(schedule, site, keys), MemoryStorage(), threading.Event()

    def heard(message: Inbound) -> None:
        desk.take(message.payload)

    session = Session(
        broker, "", outbox=Outbox(waiting), filters=(topics.simulate(site),), on_message=heard, backoff_s=(0.1, 3.0)
    )

    def run() -> None:
        said, said_at = Happening(wall_ms=0), 0.0
        while not over.is_set():
            session.wait(_LOOK_S)
            found = desk.happening(now_ms())
            changed = (found.truths, found.refused) != (said.truths, said.refused)
            if not waiting and (changed or time.monotonic() - said_at > _SAY_S):
                said, said_at = found, time.monotonic()
                waiting.put(Outbound(topics.simulated(site), msgspec.json.encode(found), retain=True))
                session.send()
        if session.up:
            last = msgspec.structs.replace(desk.happening(now_ms()), ended=True)
            waiting.put(Outbound(topics.simulated(site), msgspec.json.encode(last), retain=True))
            session.send()
            until = time.monotonic() + 1.0
            while waiting and time.monotonic() < until:
                session.wait(_LOOK_S)
        session.close()

    thread = threading.Thread(target=run, name="orders", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
