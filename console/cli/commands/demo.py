"""``patrolgrid demo``: broker, node, board and a simulated neighbourhood on this machine, until it is stopped.

The site's clock is made up: it starts in the evening of the day of the first run, at 21:45, so that the night's rules
have something to do soon, and runs as fast as asked. A later run continues where the data ends.
"""

import argparse
import math
import shutil
import sys
import threading
import time
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, settings_of, texts_of
from console.demo.demo_people import FakeChat, forget_people, make_people
from console.demo.handed_over import hand_over_before
from console.demo.listening import heard_alerts
from console.demo.report import demo_report, print_summary
from console.errors import CommandError
from console.running import Running, child_environment, own_broker, refuse_running, run_site, since, totals
from deploy.settings import Settings
from deploy.wiring import data_end_ms
from ingest.clock import wall_ms
from ingest.files import replace_json
from ingest.places import load_places
from ingest.setup.extras import load
from simulators.devices.ledger import Report, read_report
from simulators.world import neighbourhood
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid demo                                        open the address it prints; Ctrl-C stops everything
  patrolgrid demo --speed 1                              in real time
  patrolgrid demo --fresh --seed 11                      forget the data of earlier runs, another neighbourhood life
  patrolgrid demo --headless --duration 60 --speed 60 --seed 7 --report out.json
  patrolgrid demo --fresh --influx http://127.0.0.1:8086 --backfill 14d       for Grafana's dashboards
"""
SITE: Final = "demo"
_INFLUX_FEED: Final = "console.demo.influx_feed"  # needs the extra influx
_PAST_LOAD: Final = "console.demo.past_load"  # takes a second to import
_OFFICERS: Final = ("p1: Li Wei 李伟", "p2: Wang Lei 王磊", "p3: Chen Jing 陈静")
_SHIFTS: Final = (
    "daily 10:00-18:00 @ p1 p2 p3: Day 日班",
    "daily 18:00-02:00 @ p1 p2 p3: Evening 晚班",
    "daily 02:00-10:00 @ p1 p2: Night 夜班",
)
_COMMITTED: Final = ("Mon-Fri 07:30-07:45 @ 121.4703 31.2331: school gate 学校门口",)
START_HOUR, START_MINUTE = 21, 45
_HISTORY_S: Final = 600.0
_SETTLE_S: Final = 60.0
_LEAD_S: Final = 5.0
"""How long node, board and simulator take to start. Until then the site's clock stands still, for all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    add = parser.add_argument
    add("--headless", action="store_true", help="no board")
    add("--no-accounts", action="store_true", help="nobody signs in: a board as on a station without accounts")
    add("--duration", type=float, metavar="S", help="stop after so many seconds by the wall clock (default: on Ctrl-C)")
    add("--speed", type=float, default=10.0, metavar="N", help="seconds that pass at the site in one (default: 10)")
    add("--seed", type=int, default=7, metavar="N", help="what chance starts from (default: 7)")
    add("--report", type=Path, metavar="FILE", help="write what was published, seen and found, as JSON")
    add("--fresh", action="store_true", help="begin with empty data")
    add("--port", type=int, metavar="N", help="port of the board (default: 8060; a taken one is stepped around)")
    add("--history-days", type=float, default=14.0, metavar="D", help="days before a fresh start (default: 14)")
    add("--influx", metavar="URL", help="also write to a running InfluxDB, such as http://127.0.0.1:8086, for Grafana")
    add("--backfill", metavar="D", help="as --history-days, such as 14d: what dashboards show from the start")
    add("--broker", choices=("embedded", "mosquitto"), default="embedded", help="broker to start (default: embedded)")


def run(options: argparse.Namespace) -> int:
    """Run the demo and return 0, or raise where a part of it ends by itself."""
    _check(options)
    settings = _settings(options)
    texts = texts_of(options, settings)
    refuse_running(settings)
    if options.fresh and settings.site_dir.exists():
        shutil.rmtree(settings.site_dir)
    with run_site(settings, texts) as running, ExitStack() as stack:
        return _Demo(options, running, texts).run(stack)


def _check(options: argparse.Namespace) -> None:
    if options.backfill is not None:
        try:
            options.history_days = float(options.backfill.removesuffix("d"))
        except ValueError:
            raise CommandError(f"--backfill is {options.backfill!r}, expected days such as 14d", code=2) from None
    for name, least in (("speed", 0.01), ("history_days", 0.0), ("duration", 0.1)):
        value = getattr(options, name)
        if value is not None and not least <= value <= 1e6:
            raise CommandError(f"--{name.replace('_', '-')} is {value:g}, expected at least {least:g}", code=2)
    if options.report is not None and not options.report.absolute().parent.is_dir():
        raise CommandError(f"--report {options.report}: there is no folder {options.report.absolute().parent}", code=2)


def _settings(options: argparse.Namespace) -> Settings:
    """Return the demo's settings: a site of its own, on the loopback interface, with slack for a fast clock."""
    settings = settings_of(options)
    # A message is under way for a moment by the wall clock, which is a long time on a fast one.
    slack_s = options.speed
    settings = own_broker(
        settings,
        options.port,
        site={
            "id": SITE,
            "timezone": neighbourhood.TIMEZONE,
            "country": neighbourhood.COUNTRY,
            "places": None,
            "language": texts_of(options, settings).language,
        },
        patrol={} if settings.patrol.officers else {"officers": _OFFICERS, "shifts": _SHIFTS, "committed": _COMMITTED},
        pipeline={
            "lateness_s": settings.pipeline.lateness_s + 0.5 * slack_s,
            "grace_s": settings.pipeline.grace_s + 2.0 * slack_s,
        },
        gateway={"backfill_days": max(settings.gateway.backfill_days, options.history_days + 2), "tick_s": 0.25},
    )
    if options.influx:
        settings = load(_INFLUX_FEED).pointed_at(settings, options.influx)
    return settings


class _Demo:
    """One run of the demo."""

    def __init__(self, options: argparse.Namespace, running: Running, texts: Sentences) -> None:
        self.options, self.running, self.texts = options, running, texts
        self.folder = running.folder
        self.zone = ZoneInfo(running.settings.site.timezone)
        self.reports: list[Path] = []
        self.heard: list[tuple[dict[str, Any], int]] = []
        self.login: dict[str, str] = {}

    def run(self, stack: ExitStack) -> int:
        options, running, texts = self.options, self.running, self.texts
        shutil.copyfile(neighbourhood.QUARTER, self.folder / "places.geojson")
        before = totals(running.settings)
        port = running.start_broker(options.broker, 1883)
        print(texts("run-data", folder=self.folder))
        print(texts("run-broker", port=str(port), kind=options.broker), flush=True)
        end_ms = data_end_ms(self.folder)
        if end_ms:
            print(texts("run-again"))
            origin_ms = end_ms + 1_000
        else:
            # Grafana shows the past up to now, so what is for it must not lie in the future.
            origin_ms = self._make_history(_evening(self.zone, past=bool(options.influx)))
        if not running.stop.asked:
            self._live(origin_ms, stack)
        print(texts("run-stopping"), flush=True)
        self._end(stack)
        self._report(since(before, totals(running.settings)))
        return 0

    def _make_history(self, origin_ms: int) -> int:
        """Publish the days before, wait until they are stored, and return the site's time afterwards."""
        if self.options.history_days <= 0:
            return origin_ms
        print(self.texts("run-history", days=self.options.history_days), flush=True)
        self.running.start_node(clock=_clock(origin_ms, wall_ms(), 1.0))
        ready = self.folder / "history.ready"
        ready.unlink(missing_ok=True)
        self._start_simulator("history", origin_ms, 0, "1", days=self.options.history_days, ready=ready)
        deadline = time.monotonic() + _HISTORY_S
        while not ready.exists() and not self.running.stop.wait(0.1):
            self.running.supervisor.check()
            if time.monotonic() > deadline:
                raise CommandError(f"history took more than {_HISTORY_S:g} s; see {self.folder / 'history.log'}")
        self.running.supervisor.stop("history")
        self.running.wait_caught_up(_HISTORY_S)
        self.running.supervisor.stop("node")
        return max(data_end_ms(self.folder), origin_ms) + 1_000

    def _live(self, origin_ms: int, stack: ExitStack) -> None:
        options, running, texts = self.options, self.running, self.texts
        started_ms = wall_ms() + round(_LEAD_S * 1000)
        if not options.headless:
            if options.no_accounts:
                forget_people(self.folder)
            else:
                self.login = make_people(running.settings)
            self.chat = stack.enter_context(FakeChat())
            running.settings = self.chat.told(running.settings, accounts=bool(self.login))
            running.begin_board(simulated=True, demo=self.login and {**self.login, "chat": self.chat.url})
        running.start_node(clock=_clock(origin_ms, started_ms, options.speed))
        self.heard = stack.enter_context(heard_alerts(running.settings))
        if not options.headless:
            hand_over_before(running.settings, origin_ms)
        self._start_simulator("simulator", origin_ms, started_ms, f"{options.speed:g}")
        if not options.headless:
            url = running.board_url()
            running.start_deliver()
            wanted = running.settings.board.port
            if not url.rstrip("/").endswith(f":{wanted}"):
                print(texts("run-port", wanted=str(wanted), port=url.rstrip("/").rpartition(":")[2]))
            print(texts("run-board", url=url))
            if self.login:
                print(texts("run-login", **self.login))
            print(texts("run-chat", url=self.chat.url))
            # It takes seconds, and nobody waits for it.
            sheet = (
                running.settings,
                load_places(self.folder / "places.geojson"),
                self.folder,
                origin_ms,
                options.seed,
            )
            threading.Thread(target=_write_staffing, args=sheet, name="staffing", daemon=True).start()
        shown = datetime.fromtimestamp(origin_ms / 1000, self.zone).strftime("%Y-%m-%d %H:%M:%S")
        print(texts("run-clock", time=shown, speed=options.speed))
        if options.duration is None:
            print(texts("run-stop"), flush=True)
        else:
            print(texts("run-headless", seconds=options.duration), flush=True)
        left_s = math.inf if options.duration is None else started_ms / 1000 + options.duration - time.time()
        running.until_stopped(left_s)

    def _start_simulator(
        self, name: str, origin_ms: int, started_ms: int, speed: str, *, days: float = 0.0, ready: Path | None = None
    ) -> None:
        report = self.folder / f"{name}.report.json"
        report.unlink(missing_ok=True)
        self.reports.append(report)
        settings = self.running.settings

        def command(origin_ms: int, started_ms: int) -> list[str]:
            return [
                *(sys.executable, "-m", "simulators.run"),
                *("--host", settings.broker.host, "--port", str(settings.broker.port), "--site", settings.site.id),
                *("--seed", str(self.options.seed), "--speed", speed, "--history-days", f"{days:g}"),
                *("--origin-ms", str(origin_ms), "--started-ms", str(started_ms), "--report", str(report)),
                *([] if days else ["--officers", "--order-key", str(settings.command_key_file)]),
                *([] if ready is None else ["--ready", str(ready)]),
            ]

        def from_now() -> list[str]:
            now_ms = wall_ms()
            return command(origin_ms + round((now_ms - started_ms) * float(speed)), now_ms)

        self.running.supervisor.start(
            name, command(origin_ms, started_ms), stop_s=30.0, environment=child_environment(), again=from_now
        )

    def _end(self, stack: ExitStack) -> None:
        """Stop devices first, then the node once it has everything, then the rest."""
        supervisor = self.running.supervisor
        if "simulator" in supervisor:
            supervisor.stop("simulator")
            self.running.wait_caught_up(_SETTLE_S, even_if_stopped=True)
            supervisor.stop("node")
            time.sleep(0.2)  # what the node published last is on its way to the listener
        stack.close()  # the listener goes before its broker
        self.running.end()

    def _report(self, seen: dict[str, Any]) -> None:
        """Print what was seen, and write it where asked; nothing where the simulator did not come to its end."""
        runs: list[Report] = [read_report(path) for path in self.reports if path.exists()]
        if not runs:
            return
        devices = len(load_places(self.folder / "places.geojson").devices)
        with closing(StoreReader(self.folder / "store.db")) as reader:
            changed = reader.alerts(since_ms=runs[-1].origin_ms - 60_000, limit=1_000_000)
            alerts = [revision for alert in changed for revision in reader.alert_history(alert["id"])]
        if self.options.influx:
            load(_INFLUX_FEED).write_truth(
                self.running.settings, runs[-1].truths, alerts, until_ms=runs[-1].ended_event_ms
            )
        report = demo_report(runs, seen, alerts, self.heard, devices=devices)
        print_summary(report, self.texts)
        if self.options.report is not None:
            replace_json(self.options.report, report)


def _write_staffing(*sheet: object) -> None:
    load(_PAST_LOAD).write_staffing(*sheet)


def _clock(origin_ms: int, started_ms: int, speed: float) -> dict[str, Any]:
    return {"mode": "scaled", "origin_ms": origin_ms, "started_ms": started_ms, "speed": speed}


def _evening(zone: ZoneInfo, *, past: bool = False) -> int:
    """Return 21:45 of today at the site, epoch ms; with `past` of yesterday where today's is still to come."""
    now = datetime.now(zone)
    evening = now.replace(hour=START_HOUR, minute=START_MINUTE, second=0, microsecond=0)
    if past and evening > now:
        evening -= timedelta(days=1)
    return round(evening.timestamp() * 1000)
