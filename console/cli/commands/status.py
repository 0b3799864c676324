"""``patrolgrid status``: what a site has seen and how far it is, while its node runs and after."""

import argparse
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    chosen_site,
    counted,
    failing_parts,
    local_time,
    print_json,
    print_table,
    safe,
    settings_of,
    texts_of,
    with_word,
)
from console.deliver.examined import examine_delivery
from console.devices.waiting import waiting_now
from deploy.node.status_file import newest_status, read_status
from deploy.settings import Settings
from ingest.files import read_json
from ingest.gateway.places_file import LAST_GOOD
from ingest.gateway.quarantine import Quarantine
from ingest.sqlite import StorageError
from ingest.topics import id_of
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

EXAMPLES: Final = """\
examples:
  patrolgrid status                                      the site that was written to last
  patrolgrid status --site demo --json | jq .totals
  patrolgrid status --lang zh-CN
"""
_SHOWN: Final = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--limit",
        type=int,
        default=200,
        metavar="N",
        help="most alerts and anomalies in the JSON, newest first (default: 200)",
    )


def run(options: argparse.Namespace) -> int:
    """Print what the store holds and what the node last said."""
    settings = settings_of(options)
    site = chosen_site(settings, options.site)
    zone = site.zone(settings)
    with closing(StoreReader(site.store, zone)) as reader:
        try:
            document = gather(site, reader, limit=options.limit)
        except (StoreError, TypeError, ValueError) as error:  # junk where numbers should be, too
            status = read_status(site.folder)
            if not status or isinstance(error, StoreMissingError):
                raise
            return _without_store(options, site, status, error)
    if options.json:
        print_json(document)
    else:
        texts = texts_of(options, settings)
        _print(document, texts, zone)
        if site.id == settings.site.id:
            _print_delivery(settings, texts)
    return 0


def _without_store(options: argparse.Namespace, site: FoundSite, status: dict[str, Any], error: Exception) -> int:
    """Print what the node says in its own file, where its store cannot be read; exit code 1."""
    node = site.node()
    if options.json:
        print_json(
            {"site": site.id, "running": node["running"], "node": node, "error": str(error), "lag": status.get("lag"),
             "quarantine": status.get("quarantined"), "status": status}
        )  # fmt: skip
        return 1
    settings = settings_of(options)
    texts = texts_of(options, settings)
    state = texts("status-running" if node["running"] else "status-stopped")
    print(texts("status-site", site=site.id, state=state))
    print_ended(site.ended_parts(), texts)
    print(texts("status-store", error=safe(error)))
    print_faults(status, texts, partial(local_time, zone=site.zone(settings)))
    return 1


def print_ended(parts: dict[str, dict[str, Any]], texts: Sentences) -> None:
    """Print which parts have ended by themselves lately and are started again."""
    for part, one in sorted(parts.items()):
        print(texts("status-ended", part=part, times=one["times"], why=safe(one["how"])))


def print_faults(status: dict[str, Any], texts: Sentences, clock: Callable[[float | None], str]) -> None:
    """Print which parts of a node fail, which files were put aside, and what to do."""
    known = {"store", "log", "quarantine", "snapshot", "mqtt", "influx", "jsonl", "broker", "status", "planning"}
    for part, why in sorted(failing_parts(status).items()):
        todo = texts(f"status-do-{part}" if part in known else "status-do-other")
        print(texts("status-fault", part=part, why=safe(why), do=todo))
    for part, position in sorted((status.get("again") or {}).items()):
        print(texts("status-again", part=part, position=position))
    for one in status.get("damaged") or []:
        said = {"file": one["file"], "kept": one["kept"], "why": safe(one["why"] or "?"), "saved": one["saved"]}
        print(texts("status-damaged", time=clock(one["at_ms"]), lost=safe(one["lost"] or "-"), **said))


def gather(site: FoundSite, reader: StoreReader, *, limit: int = 200) -> dict[str, Any]:
    """Return everything there is to say about a site, for JSON.

    ``site, running, parts, node, progress, totals, counts, devices, series, alerts, anomalies, hotspots, agents,
    strangers, quarantine, status``. Raises `stream.sinks.store.tables.StoreMissingError` where the node has written
    nothing yet.
    """
    node, totals, health = site.node(), reader.totals(), {row["device"]: row for row in reader.health()}
    series, latest = reader.series(), {_series_key(row): row for row in reader.latest()}
    for row in series:
        newest = latest.get(_series_key(row))
        row["latest"] = newest and {
            key: newest.get(key) for key in ("start", "n", "in", "out", "mean", "expected", "state")
        }
    devices: dict[str, dict[str, Any]] = {}
    names = _names(site)
    for row in series:
        device = row["device"]
        known, quality = totals["by_device"].get(device, {}), health.get(device, {})
        entry = devices.setdefault(
            device,
            {
                "id": device,
                "name": names.get(device, device),
                "beat": row["beat"],
                "series": [],
                "observations": known.get("n", 0),
                "in": known.get("in", 0),
                "out": known.get("out", 0),
                "quality": quality.get("quality"),
                "online": quality.get("online"),
            },
        )
        entry["series"].append(f"{row['kind']} {row['metric']}")
    status = newest_status(site.folder, reader.meta("status"))
    return {
        "site": site.id,
        "running": node["running"],
        "parts": site.ended_parts(),
        "node": node,
        "progress": reader.progress(),
        "totals": {
            "observations": totals["observations"],
            **{key: value for key, value in reader.counters().items() if key != "accepted"},
        },
        "counts": reader.counts(),
        "lag": status.get("lag"),
        "devices": list(devices.values()),
        "series": series,
        "alerts": reader.alerts(limit=limit),
        "anomalies": reader.anomalies(limit=limit),
        "hotspots": reader.hotspots(),
        "agents": reader.agents(),
        "strangers": [msgspec.to_builtins(one) for one in waiting_now(site.folder)],
        "quarantine": quarantined(site),
        "status": status,
    }


def _series_key(row: dict[str, Any]) -> tuple[str, str, str]:
    # A smoke detector has a level and a state of one name.
    return row["device"], row["kind"], row["metric"]


def quarantined(site: FoundSite) -> dict[str, int]:
    """Return how many entries the quarantine has of each reason."""
    if not site.quarantine.exists():
        return {}
    try:
        with closing(Quarantine(site.quarantine)) as quarantine:
            return dict(quarantine.counts())
    except StorageError as error:
        return dict(read_status(site.folder).get("quarantined") or {}) | {f"unreadable ({error.strerror})": 0}


def _print(document: dict[str, Any], texts: Sentences, zone: ZoneInfo) -> None:
    clock = partial(local_time, zone=zone)
    counts, totals = document["counts"], document["totals"]
    state = texts("status-running" if document["running"] else "status-stopped")
    print(texts("status-site", site=document["site"], state=state))
    print_ended(document["parts"], texts)
    print(texts("status-upto", time=clock(document["progress"]["now_ms"])))
    figures = {name: counts[name] for name in ("windows", "anomalies", "alerts")}
    print(texts("status-totals", observations=totals["observations"], open=counts["open_alerts"], **figures))
    print(texts("status-quality", duplicates=totals["duplicates"], late=totals["late"]))
    if document["running"] and document["status"]:
        lag, rates = document["lag"] or {}, document["status"].get("rates") or {}
        print(
            texts(
                "status-rates",
                rate=float(rates.get("observations_s") or 0.0),
                lag=int(lag.get("records") or 0),
                seconds=float(lag.get("seconds") or 0.0),
            )
        )
    _print_broker(document["status"].get("broker") or {}, texts)
    if document["status"].get("in_clear"):
        print(texts("status-clear", sections=safe(", ".join(map(str, document["status"]["in_clear"])))))
    problem = (document["status"].get("places") or {}).get("problem")
    if problem:
        print(texts("status-places", problem=safe(problem)))
    problem = (document["status"].get("calendar") or {}).get("problem")
    if problem:
        print(texts("status-calendar", problem=safe(problem)))
    print_faults(document["status"], texts, clock)
    _print_budget(document["status"].get("budget"), texts)
    _print_training(document["status"].get("training"), texts, clock)
    anew = (document["status"].get("learning") or {}).get("anew")
    if anew:
        print(texts("models-anew", time=clock(anew["since_ms"]), reason=safe(anew["reason"])))
    refused = {with_word(texts, "board-quarantine", reason): n for reason, n in document["quarantine"].items()}
    print(texts("status-quarantine", text=counted(refused) or texts("status-empty")))
    _print_dialects(document["status"].get("dialects"), texts)
    columns = ("device", "beat", "series", "n", "in", "out", "quality")
    _print_rows(texts, "devices", document["devices"], columns, lambda row: _device(row, texts))
    shown = ("device", "version", "heard", "queue", "dropped", "trouble")
    _print_rows(texts, "agents", document["agents"], shown, lambda row: _agent(row, texts, clock))
    if document["strangers"]:
        print("\n" + texts("status-strangers", count=len(document["strangers"])))
    alerts = [row for row in document["alerts"] if row["state"] in {"raised", "acknowledged"}]
    header = ("time", "severity", "kind", "device", "text")
    _print_rows(texts, "alerts", alerts, header, lambda row: _event(row, clock(row["raised_ms"]), texts))
    _print_rows(texts, "anomalies", document["anomalies"], header, lambda row: _event(row, clock(row["ts"]), texts))


def _print_delivery(settings: Settings, texts: Sentences) -> None:
    """Print why nobody is told, where that is so, or that what waited was lost."""
    state, code, values, todo = examine_delivery(settings)
    if state == "fail" or code == "anew":
        why = texts(f"doctor-deliver-{code}", **values) if code else safe(values["error"])
        print(texts("status-fault", part=texts("doctor-deliver"), why=why, do=texts(f"doctor-deliver-{todo}")))


def _print_broker(broker: dict[str, Any], texts: Sentences) -> None:
    """Print what is wrong between broker, node and devices, and what to do about it."""
    if broker.get("conflict"):
        print(texts("status-conflict"))
    if broker.get("forgotten"):
        print(texts("status-forgotten", times=int(broker["forgotten"])))
    if broker.get("restless"):
        print(texts("status-restless", devices=safe(", ".join(map(str, broker["restless"])))))


def _print_dialects(told: dict[str, int] | None, texts: Sentences) -> None:
    """Print what was left out, or noted, of devices that speak a vendor's dialect to the gateway."""
    worth = {what: times for what, times in sorted((told or {}).items()) if what != "no_news"}
    if worth:
        print(texts("status-dialects"))
    for what, times in worth.items():
        print("  " + texts(f"codec-told-{what}", times=times))


def _print_budget(budget: dict[str, Any] | None, texts: Sentences) -> None:
    """Print how many findings of models became alerts today, and how many the budget held back."""
    if not budget or not budget["per_day"]:
        return
    threshold = texts("chance", p=10.0 ** -budget["threshold"]) if budget["threshold"] else texts("status-shipped")
    numbers = {name: budget[name] for name in ("per_day", "raised", "held")}
    print(texts("status-budget", odds=threshold, **numbers))


def _print_training(training: dict[str, Any] | None, texts: Sentences, clock: Callable[[float | None], str]) -> None:
    """Print which forest judges the beats' context, and what came of the last training."""
    if not training:
        return
    state, detail = training["state"], safe(str(training["detail"]))
    if training["trained_ms"]:
        known = {name: training[name] for name in ("rows", "beats")}
        print(texts("status-training-trained", time=clock(training["trained_ms"]), **known))
    elif state in {"waiting", "running"}:
        print(texts("status-training-none", detail=detail or texts(f"status-training-{state}")))
    if state == "failed":
        print(texts("status-training-failed", detail=detail))


def _print_rows(
    texts: Sentences,
    what: str,
    rows: list[dict[str, Any]],
    header: tuple[str, ...],
    cells_of: Callable[[dict[str, Any]], list[object]],
) -> None:
    if not rows:
        return
    print(f"\n{texts(f'status-{what}')} ({len(rows)})")
    print_table([texts(f"status-col-{name}") for name in header], [cells_of(row) for row in rows[:_SHOWN]])
    if len(rows) > _SHOWN:
        print("  " + texts("status-more", count=len(rows) - _SHOWN))


def _names(site: FoundSite) -> dict[str, str]:
    """Return device → its name in the places that the node goes by."""
    found = (feature["properties"] for feature in read_json(site.folder / LAST_GOOD).get("features", ()))
    return {one["id"]: one["name"] for one in found if one.get("kind") == "device" and isinstance(one.get("name"), str)}


def _device(row: dict[str, Any], texts: Sentences) -> list[object]:
    """Return a row of the table; an id that was made of a name has the name beside it."""
    name = row["name"]
    label = f"{row['id']} ({name})" if name != row["id"] == id_of(name) else row["id"]
    quality = "-" if row["quality"] is None else f"{row['quality']:.2f}"
    metrics = sorted({name.split(" ", 1)[1] for name in row["series"]})
    measures = ", ".join(with_word(texts, "board-metric", metric) for metric in metrics)
    return [safe(label), row["beat"], safe(measures), row["observations"], row["in"], row["out"], quality]


def _agent(row: dict[str, Any], texts: Sentences, clock: Callable[[float | None], str]) -> list[object]:
    """Return a row of the table: an edge agent by the device that it speaks through."""
    troubles = ", ".join(texts(f"board-trouble-agent_{one['what']}") for one in row["troubles"])
    dropped = sum(row["dropped"].values())
    return [row["device"], safe(row["version"]), clock(row["at_ms"]), row["queue"], dropped, troubles or "-"]


def _event(row: dict[str, Any], when: str, texts: Sentences) -> list[object]:
    severity, kind = texts("severity", severity=row["severity"]), texts("kind", kind=row["kind"])
    return [when, severity, kind, row["device"], safe(texts.pick(row["text"]))]
