"""``patrolgrid simulate``: devices that publish to a broker, for a node that runs already; and what happens to them."""

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import add_language_argument, in_words, local_time, print_table, texts_of
from console.errors import CommandError
from ingest import topics
from ingest.gateway.plate_keys import command_keys
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session
from ingest.mqtt.signing import signed
from simulators import run as simulator
from simulators.devices.ordered import Happening
from simulators.world.asked import orders_of
from simulators.world.neighbourhood import TIMEZONE
from simulators.world.ordered_scenario import OrderedScenario, OrderRefusedError
from simulators.world.scenarios import KINDS, Truth
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid simulate --port 1883 --site demo --speed 10
  patrolgrid simulate --list-scenarios                   what can be made to happen, and how it should be found
  patrolgrid simulate --site demo --scenario crowd_surge --at +5 --strength 2 --scenario smoke --at 22:30
  patrolgrid simulate --site demo --scenario crowd_surge --device cam-01 --running \\
      --order-key patrolgrid-data/demo/commands.key      in the simulator that runs already
  patrolgrid simulate --site load --scale 1000 --connections 8 --speed max --duration 3600 --no-scenarios
  patrolgrid simulate --site demo --seed 11 --duration 3600 --speed 60 --report did.json --truth truth.jsonl
  patrolgrid simulate --site demo --dialect hikvision --dialect zigbee2mqtt --bindings sim-places.geojson

The same seed and start give the same stream. Exit code 3: the broker had not acknowledged everything in time.
"""
_WAIT_S: Final = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's arguments."""
    simulator.add_arguments(parser)
    parser.add_argument("--list-scenarios", action="store_true", help="show what can be made to happen, and end")
    parser.add_argument(
        "--running",
        action="store_true",
        help="let it happen in the simulator that runs already and takes orders signed with --order-key",
    )
    add_language_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Run the simulator in this process, list what can happen, or tell a running one."""
    texts = texts_of(options)
    if options.list_scenarios:
        print(texts("simulate-list"))
        _list(texts)
        return 0
    try:
        return _tell(options, texts) if options.running else simulator.run(options)
    except OrderRefusedError as error:
        raise CommandError(texts("simulate-refused", code=error.code, **error.values), 2) from error


def _list(texts: Sentences) -> None:
    rows = []
    for name, kind in KINDS.items():
        what, strength, minutes = texts("scenario-does", name=name), "-", texts("simulate-once")
        if kind.night_only:
            what = texts("simulate-night", what=what)
        if kind.strengths is not None and kind.usual is not None:
            (least, most), (low, high) = kind.strengths, kind.usual
            unit = texts("scenario-unit", unit=kind.unit)
            strength = texts("simulate-strength", least=least, most=most, low=low, high=high, unit=unit)
        if kind.minutes is not None:
            minutes = texts("simulate-minutes", low=kind.length_min[0], high=kind.length_min[1])
        to = in_words(texts, "board-type", kind.device) if kind.device else texts("simulate-beat")
        rows.append([name, what, to, ", ".join(texts("kind", kind=one) for one in kind.finds), strength, minutes])
    print_table(
        [texts(f"simulate-col-{one}") for one in ("name", "what", "to", "found", "strength", "minutes")], rows, ""
    )


def _tell(options: argparse.Namespace, texts: Sentences) -> int:
    """Send orders to a simulator that runs, and print what it says of them."""
    if options.order_key is None or not options.orders:
        raise CommandError("--running needs --scenario NAME and --order-key FILE", 2)
    broker = BrokerAddress(host=options.host, port=options.port, protocol=options.mqtt)
    zone = ZoneInfo(TIMEZONE)
    heard: list[Happening] = []

    def hear(message: Inbound) -> None:
        try:
            heard.append(msgspec.json.decode(message.payload, type=Happening))
        except msgspec.MsgspecError:
            return

    waiting, topic = MemoryStorage(), topics.simulate(options.site)
    session = Session(broker, "", outbox=Outbox(waiting), filters=(topics.simulated(options.site),), on_message=hear)
    with closing(session):
        session.connect()
        _until(session, lambda: bool(heard))
        if not heard or heard[-1].silent():
            raise CommandError(texts("simulate-none", broker=str(broker)))
        # Minutes after the start are minutes after now here, and only the simulator knows what time that is.
        orders = orders_of(options.orders, heard[-1].now_ms, zone)
        (*_, key) = command_keys(options.order_key)
        for order in orders:
            waiting.put(Outbound(topic, signed(msgspec.json.encode(order), topic, key)))
        session.send()
        wanted = {order.id for order in orders}
        _until(session, lambda: wanted <= _answered(heard[-1]))
    return _told(orders, heard[-1], texts, zone)


def _until(session: Session, over: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not over() and time.monotonic() < deadline:
        session.wait(0.1)


def _answered(found: Happening) -> set[str]:
    return {truth.order for truth in found.truths} | {one.order for one in found.refused}


def _told(orders: tuple[OrderedScenario, ...], found: Happening, texts: Sentences, zone: ZoneInfo) -> int:
    """Print what has come of orders; return 0 where all happen."""
    begun: dict[str, Truth] = {truth.order: truth for truth in found.truths}
    refused = {one.order: one for one in found.refused}
    for order in orders:
        name = texts("scenario", name=order.scenario)
        if order.id in begun:
            truth = begun[order.id]
            where = ", ".join(truth.devices) or truth.beat
            time_, end = (local_time(ms, zone, "%H:%M:%S") for ms in (truth.start, truth.end))
            print(texts("simulate-ordered", name=name, id=truth.id, time=time_, where=where, end=end))
        elif order.id in refused:
            one = refused[order.id]
            print(f"{name}: {texts('simulate-refused', code=one.code, **one.values)}")
        else:
            print(f"{name}: {texts('simulate-unheard', seconds=_WAIT_S)}")
    return 0 if all(order.id in begun for order in orders) else 1
