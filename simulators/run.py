"""Runs a neighbourhood in a process of its own: ``python -m simulators.run --port 1883 --speed 60``."""

import argparse
import logging
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ingest.clock import ScaledClock
from ingest.files import keep_private
from ingest.gateway.plate_keys import command_keys
from ingest.login import BrokerAddress
from ingest.places import PlacesError
from ingest.setup.extras import MissingExtraError
from simulators.devices.faults import FaultRates, skews
from simulators.devices.fleet import Fleet, FleetSettings
from simulators.devices.ledger import Ledger, Report
from simulators.devices.messages import Post, SimulatedMessage, boot_of, live
from simulators.devices.officers import on_patrol
from simulators.devices.ordered import taking_orders
from simulators.devices.warm_start import history
from simulators.dialects import SPEAKERS, translated
from simulators.dialects.mapping import write_mapping
from simulators.dialects.posting import Poster
from simulators.world import neighbourhood
from simulators.world.asked import add_order_arguments, orders_of
from simulators.world.life import World
from simulators.world.ordered_scenario import OrderedScenario, OrderRefusedError
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import Schedule

logger = logging.getLogger(__name__)
_FOREVER_MS: Final = 400 * 86_400_000
_RATES: Final = ("loss", "duplicate", "late", "spoilt", "skewed")
"""Names of the shares of `FaultRates`, and of their options."""
_LAST_S: Final = 4.0
"""Who asks a simulator to stop waits no longer for a broker that does not answer."""
EXIT_UNACKNOWLEDGED: Final = 3
"""Exit code when the broker had not acknowledged everything in time."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times are epoch milliseconds of event time unless said otherwise."""

    site_id: str = "quarter"
    seed: int = 7
    origin_ms: int = 0
    """Start of the live part; 0 for now."""
    started_ms: int = 0
    """Wall clock at which the origin is shown; 0 for when history is through."""
    speed: float = 1.0
    """Event seconds in a second of the wall clock; infinity for as fast as possible."""
    duration_s: float = 0.0
    """Length of the live part in event time; 0 for until stopped."""
    history_days: float = 0.0
    scenarios: bool = True
    orders: tuple[OrderedScenario, ...] = ()
    """What is to happen, and then nothing else by itself."""
    order_keys: tuple[bytes, ...] = ()
    """Secrets of whoever may order more while it runs; none: nobody may."""
    officers: bool = False
    """Whether officers go by the plans that the site publishes."""
    dialects: tuple[str, ...] = ()
    """Names of codecs: a device whose type the first of them knows speaks that."""
    own_topics: bool = False
    """Publish dialects on the vendors' topics, as beside an edge agent, instead of below the device's own."""
    boot: str = ""
    drain_s: float = 10.0


def simulate(
    site: neighbourhood.Neighbourhood,
    run: RunSettings,
    fleet_settings: FleetSettings,
    rates: FaultRates,
    *,
    stopped: Callable[[], bool] = lambda: False,
    on_ready: Callable[[], None] = lambda: None,
) -> Report:
    """Connect, publish history and then life until the end or until stopped, drain, and tell what was done.

    `on_ready` is called once history is acknowledged and life begins. Raises `OrderRefusedError` for an order of `run`
    that cannot be carried out.
    """
    origin = run.origin_ms or time.time_ns() // 1_000_000
    boot = run.boot or boot_of(run.seed, origin)
    calendar = LocalDays(site.timezone, site.country)
    post = Post(site, site_id=run.site_id, seed=run.seed, origin_ms=origin, rates=rates, boot=boot)
    schedule = None
    if run.scenarios or run.orders or run.order_keys:
        spared = frozenset(skews(site, rates, run.seed))
        alone = run.scenarios and not run.orders
        schedule = Schedule(site, calendar, seed=run.seed, origin_ms=origin, spared=spared, alone=alone)
        for order in run.orders:
            schedule.take(order)
    world = World(site, calendar, seed=run.seed, origin_ms=origin, schedule=schedule)
    speakers = [SPEAKERS[name](calendar.zone) for name in run.dialects]

    def said(messages: Iterator[SimulatedMessage]) -> Iterator[SimulatedMessage]:
        posted = fleet_settings.post is not None
        return translated(messages, speakers, site, run.site_id, own_topics=run.own_topics, posted=posted)

    endless = math.isinf(run.speed)
    report = Report(site=run.site_id, seed=run.seed, boot=boot, origin_ms=origin, speed=None if endless else run.speed)
    ledger = Ledger(report, site)
    with closing(Fleet(site, fleet_settings, ledger)) as fleet:
        if not fleet.connect(stopped=stopped):
            logger.warning("only %d connections so far; the others keep trying: %s", fleet.up, fleet.trouble)
        go_on = True
        if run.history_days > 0:
            go_on = fleet.play(
                said(history(world, post, days=run.history_days, end_ms=origin)), clock=None, stopped=stopped
            )
            report.history = report.published
            # What was before must be in before what is now begins, or a burst of both would mix.
            while go_on and fleet.pending and not stopped():
                fleet.poll(0.05)
        on_ready()
        clock = None if endless else ScaledClock(origin, run.started_ms or time.time_ns() // 1_000_000, run.speed)
        until = origin + (round(run.duration_s * 1000) or _FOREVER_MS)
        if go_on:
            with ExitStack() as patrol:
                if run.officers and clock is not None:
                    patrol.enter_context(on_patrol(fleet_settings.broker, run.site_id, clock, run.seed))
                if run.order_keys and schedule is not None and clock is not None:
                    patrol.enter_context(
                        taking_orders(schedule, fleet_settings.broker, run.site_id, run.order_keys, clock.now_ms)
                    )
                fleet.play(said(live(world, post, until)), clock=clock, stopped=stopped)
        if not fleet.drain(min(run.drain_s, _LAST_S) if stopped() else run.drain_s):
            logger.warning("%d messages were not acknowledged in time", fleet.pending)
    return ledger.finish([] if schedule is None else schedule.truths)


def add_arguments(found: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    add = found.add_argument
    add("--host", default="127.0.0.1", help="broker (default: %(default)s)")
    add("--port", type=int, default=1883, help="its port (default: %(default)s)")
    add("--mqtt", choices=("3.1.1", "5"), default="3.1.1", help="protocol version (default: %(default)s)")
    add("--site", default="quarter", help="the site's word in topics (default: %(default)s)")
    add("--seed", type=int, default=7, help="what chance starts from (default: %(default)s)")
    add("--speed", type=_speed, default=1.0, help="event seconds a second, or max (default: 1)")
    add(
        "--duration",
        type=float,
        default=0.0,
        help="length of the live part in seconds of EVENT time (default: endless)",
    )
    add("--history-days", type=float, default=0.0, help="days published before the start (default: none)")
    add("--origin-ms", type=int, default=0, help="event time of the start, epoch ms (default: now)")
    add("--started-ms", type=int, default=0, help="wall clock at which it is shown (default: when history is through)")
    add("--boot", default="", help="boot id of the numbering (default: made from seed and start)")
    add("--places", type=Path, help="GeoJSON places to simulate instead of the built-in quarter")
    add("--scale", type=int, help="simulate a synthetic site with so many devices")
    add("--devices-file", type=Path, help="only the devices whose ids stand in this file, one a line")
    add("--connections", type=int, default=0, help="share so many connections (default: one a device)")
    add(
        "--password-file",
        type=Path,
        help="password that every device gives, with its id as the user name (--connections: sim-000 and on)",
    )
    add("--tls", action="store_true", help="encrypt, and check the broker's certificate")
    add("--tls-ca", type=Path, help="certificates of the authorities to trust (default: the system's)")
    add("--hold-s", type=float, default=0.0, help="after a reconnect repeat what was acknowledged so recently")
    add(
        "--drain-s",
        type=float,
        default=10.0,
        help="wait so long for acknowledgements at the end (default: %(default)s)",
    )
    add(
        "--dialect",
        action="append",
        choices=sorted(SPEAKERS),
        default=[],
        metavar="NAME",
        help="devices of types that this codec's vendor makes speak its dialect; may be given several times",
    )
    add(
        "--own-topics", action="store_true", help="publish dialects on the vendor's own topics, as beside an edge agent"
    )
    add("--post", metavar="URL", help="post there what real devices post, with HTTP Digest and --password-file")
    add(
        "--bindings",
        type=Path,
        help="only write what is to be mapped for the dialects: .toml for an edge agent, .geojson as places",
    )
    add("--officers", action="store_true", help="officers go by the site's patrol plans and tell what they did")
    add("--no-scenarios", action="store_true", help="let nothing happen by itself")
    add(
        "--order-key",
        type=Path,
        metavar="FILE",
        help="let happen what is ordered while it runs, by whoever signs with this file of keys (commands.key)",
    )
    add_order_arguments(found)
    add("--no-faults", action="store_true", help="let nothing go wrong on the way")
    usual = FaultRates()
    for name in _RATES:
        what = "devices" if name == "skewed" else "messages"
        add(f"--{name}", type=float, help=f"share of {what} (default: {getattr(usual, name)})")
    add("--report", type=Path, help="write what was done here, as JSON")
    add("--truth", type=Path, help="write the scenarios here, one JSON object a line")
    add("--ready", type=Path, help="create this file when history is through and life begins")


def _speed(text: str) -> float:
    value = math.inf if text == "max" else float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"speed is {text}, expected a number above 0 or max")
    return value


def _site(args: argparse.Namespace) -> neighbourhood.Neighbourhood:
    if args.places is not None:
        site = neighbourhood.load(args.places)
    elif args.scale is not None:
        site = neighbourhood.scale(args.scale)
    else:
        site = neighbourhood.quarter()
    if args.devices_file is not None:
        lines = args.devices_file.read_text(encoding="utf-8").split("\n")
        site = site.only(line.strip() for line in lines if line.strip())
    return site


def _rates(args: argparse.Namespace) -> FaultRates:
    usual = dict.fromkeys(_RATES, 0.0) if args.no_faults else {}
    given = {name: getattr(args, name) for name in _RATES if getattr(args, name) is not None}
    return FaultRates(**(usual | given))


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a question that can be asked."""
    seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line. Returns 0, 2 for bad arguments, 3 where not everything was acknowledged."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.run", description="Publish a simulated neighbourhood over MQTT."
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except OrderRefusedError as error:
        return _told(f"--scenario: {error.code} {error.values}")


def _told(text: str) -> int:
    """Say what is wrong, without a trace, which would hide it; return the exit code."""
    logger.error("%s", text)
    return 2


def run(args: argparse.Namespace) -> int:
    """Run with parsed arguments; see `main`. Raises `OrderRefusedError` for a scenario that cannot happen."""
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        site, rates = _site(args), _rates(args)
        if args.bindings is not None:
            speakers = [SPEAKERS[name](ZoneInfo(site.timezone)) for name in args.dialect]
            write_mapping(args.bindings, site, speakers, args.places)
            return 0
        password = "" if args.password_file is None else args.password_file.read_text(encoding="utf-8").strip()
        poster = Poster(args.post, password, args.tls_ca) if args.post else None
        keys = () if args.order_key is None else command_keys(args.order_key)
        origin_ms = args.origin_ms or time.time_ns() // 1_000_000
        orders = orders_of(args.orders, origin_ms, ZoneInfo(site.timezone))
    except (OSError, ValueError, PlacesError, MissingExtraError) as error:
        return _told(str(error))
    settings = RunSettings(
        site_id=args.site, seed=args.seed, origin_ms=origin_ms, started_ms=args.started_ms, speed=args.speed,
        duration_s=args.duration, history_days=args.history_days, scenarios=not args.no_scenarios,
        officers=args.officers, boot=args.boot, orders=orders, order_keys=keys,
        drain_s=args.drain_s, dialects=tuple(args.dialect), own_topics=args.own_topics,
    )  # fmt: skip
    fleet = FleetSettings(
        broker=BrokerAddress(
            host=args.host, port=args.port, protocol=args.mqtt, password=password,
            tls=bool(args.tls or args.tls_ca), tls_ca=args.tls_ca,
        ),
        site_id=args.site, shared_connections=args.connections, hold_s=args.hold_s,
        post=None if poster is None else poster.post,
    )  # fmt: skip
    with _signals() as stopped:
        ready = args.ready.touch if args.ready is not None else lambda: None
        report = simulate(site, settings, fleet, rates, stopped=stopped, on_ready=ready)
    if args.report is not None:
        report.write(args.report)
    if args.truth is not None:
        args.truth.write_bytes(b"".join(msgspec.json.encode(truth) + b"\n" for truth in report.truths))
    return EXIT_UNACKNOWLEDGED if report.unacknowledged else 0


if __name__ == "__main__":
    raise SystemExit(main())
