"""Simulated officers: they go by the plans that the site publishes, and tell what they did."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final

import msgspec

from ingest import topics
from ingest.clock import Clock
from ingest.events import DidWhat, PatrolDid, PatrolStop
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session

_MINUTE_MS: Final = 60_000
_LOOK_S: Final = 0.1
_SKIPPED: Final = 0.07
"""Share of stops that are passed by."""
_CALLED: Final = 0.08
"""Share of stops after which an officer is called away."""
_WHY_SKIPPED: Final = ("witness statement at the station 回所做笔录", "street closed 道路封闭")
_WHY_CALLED: Final = ("dispute between neighbours 邻里纠纷", "traffic accident 交通事故", "lost child 儿童走失")


class _Plan(msgspec.Struct):
    """What is read of a published plan; anything else in it is of no interest here."""

    officer: str
    stops: list[PatrolStop]


class Beatwalkers:
    """What officers do of their plans. It depends on the seed and the stops alone.

    A stop is reached up to four minutes late, some take less time than planned, some are skipped, and now and then an
    officer is called away and comes back.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._plans: dict[str, list[PatrolStop]] = {}
        self._there: dict[str, tuple[str, int]] = {}
        """Officer → stop, and when to leave it."""
        self._over: set[str] = set()
        """Stops that nothing more is said of."""
        self._away: dict[str, int] = {}
        """Officer → when to be back."""

    def take(self, plan: bytes) -> None:
        """Go by a newer plan; what is no plan is passed by."""
        try:
            found = msgspec.json.decode(plan, type=_Plan)
        except msgspec.MsgspecError:
            return
        self._plans[found.officer] = sorted(found.stops, key=lambda stop: stop.arrive_ms)

    def act(self, now_ms: int) -> list[PatrolDid]:
        """Return what officers say by now."""
        return [did for officer in self._plans for did in self._of(officer, now_ms)]

    def _of(self, officer: str, now_ms: int) -> Iterator[PatrolDid]:
        if officer in self._away:
            if now_ms < self._away[officer]:
                return
            del self._away[officer]
            yield self._say("back", officer, now_ms)
        if officer in self._there:
            left, until_ms = self._there[officer]
            if now_ms < until_ms:
                return
            del self._there[officer]
            yield self._say("done", officer, now_ms, left)
            chance = Random(f"{self._seed}|after|{left}")
            if chance.random() < _CALLED:
                self._away[officer] = now_ms + round(chance.uniform(15, 40) * _MINUTE_MS)
                yield self._say("away", officer, now_ms, note=chance.choice(_WHY_CALLED))
                return
        for stop in self._plans[officer]:
            if stop.id in self._over:
                continue
            chance = Random(f"{self._seed}|stop|{stop.id}")
            if now_ms < stop.arrive_ms + round(chance.uniform(0, 4) * _MINUTE_MS):
                return
            self._over.add(stop.id)
            if now_ms >= stop.leave_ms:
                continue  # the time for it has passed while the officer was elsewhere
            if chance.random() < _SKIPPED:
                yield self._say("skipped", officer, now_ms, stop.id, chance.choice(_WHY_SKIPPED))
                continue
            self._there[officer] = stop.id, now_ms + round(stop.planned_min * chance.uniform(0.6, 1.1) * _MINUTE_MS)
            yield self._say("arrived", officer, now_ms, stop.id)
            return

    @staticmethod
    def _say(what: DidWhat, officer: str, now_ms: int, stop: str = "", note: str = "") -> PatrolDid:
        return PatrolDid(what=what, officer=officer, ts=now_ms, stop=stop, note=note)


@contextmanager
def on_patrol(broker: BrokerAddress, site: str, clock: Clock, seed: int) -> Iterator[None]:
    """Have officers at work over one MQTT connection as long as the block runs."""
    walkers, waiting, over = Beatwalkers(seed), MemoryStorage(), threading.Event()

    def heard(message: Inbound) -> None:
        walkers.take(message.payload)

    session = Session(
        broker, "", outbox=Outbox(waiting), filters=(topics.patrol_plan(site, "+"),), on_message=heard,
        backoff_s=(0.1, 3.0),
    )  # fmt: skip

    def run() -> None:
        while not over.is_set():
            session.wait(_LOOK_S)
            for did in walkers.act(clock.now_ms()):
                document: dict[str, Any] = msgspec.to_builtins(did)
                payload = {name: value for name, value in document.items() if value != "" and name != "officer"}
                waiting.put(Outbound(topics.patrol_did(site, did.officer), msgspec.json.encode(payload)))
            if waiting:
                session.send()
        session.close()

    thread = threading.Thread(target=run, name="officers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
