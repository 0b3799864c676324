"""The doctor on what a site needs besides itself: its broker, InfluxDB, Grafana, Kafka, and delivery's channels."""

import os
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

from console.deliver.channel import ChannelSettings
from console.deliver.channel_file import read_channels
from console.doctor.broker_queue import measure
from console.doctor.mosquitto_conf import running_conf, short_of
from console.doctor.reached import Place, Reached, place_of, reached
from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from deploy.processes import listening
from deploy.settings import Settings
from deploy.station.station_files import station_of
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, Outbound, Session, publish_all
from ingest.setup.extras import MissingExtraError, load
from ingest.setup.settings import SettingsError
from ingest.topics import ROOT

_HEARD_S: Final = 3.0
_CONNECT_S: Final = 5.0
_END_DAYS: Final = 21


def broker(settings: Settings) -> list[Finding]:
    """Connect as the node and as the board do, and look whether they may read and write what they must."""
    address = settings.broker
    if address.mode == "embedded" and not listening(address.host, address.port):
        return [ok("embedded")]
    mark = f"doctor-{secrets.token_hex(4)}"  # no site is called "-": nobody takes these for news
    node = (f"{ROOT}/-/{mark}/alerts", f"{ROOT}/-/{mark}/hotspots", f"{ROOT}/-/{mark}/{mark}/obs")
    found, took_ms = _account(address, node)
    login = settings.people_login()
    if not found and settings.board.enabled and login is not address:
        found = _account(login, (f"{ROOT}/-/commands", f"{ROOT}/-/patrol/{mark}/did"))[0]
    return or_ok(found, "ok", host=address.host, port=str(address.port), ms=took_ms)


def _account(address: BrokerAddress, topics: tuple[str, ...]) -> tuple[list[Finding], float]:
    """Return what is wrong with an account, and how long it took to connect, ms."""
    shown: dict[str, object] = {"host": address.host, "port": str(address.port), "user": address.username or "–"}
    heard: set[str] = set()

    def take(message: Inbound) -> None:
        heard.add(message.topic.decode("utf-8", "replace"))

    started = time.monotonic()
    try:
        session = Session(address, "")
        session.connect(timeout_s=_CONNECT_S)
        session.close()
        took_ms = (time.monotonic() - started) * 1000
    except ConnectionError:
        code = "refused" if session.refused else "down"
        return [fail(code, f"{code}-do", **shown, error=session.trouble)], 0.0
    except (OSError, ValueError) as error:
        return [fail("down", "down-do", **shown, error=getattr(error, "strerror", None) or str(error))], 0.0
    session = Session(address, "", filters=topics, on_message=take)
    try:
        session.connect(timeout_s=_CONNECT_S)
        publish_all(address, [Outbound(topic, b"{}") for topic in topics])
        until = time.monotonic() + _HEARD_S
        while len(heard) < len(topics) and time.monotonic() < until:
            session.wait(0.05)
    except (OSError, ValueError) as error:
        return [fail("rights", "rights-do", **shown, topics=str(error))], took_ms
    finally:
        session.close()
    lost = [f"{ROOT}/…/{topic.rpartition('/')[2]}" for topic in topics if topic not in heard]
    return [fail("rights", "rights-do", **shown, topics=", ".join(lost))] if lost else [], took_ms


def queue(settings: Settings) -> list[Finding]:
    """Measure how much the broker keeps for a node that is away, and read the configuration that it runs with.

    The embedded one is known.
    """
    if settings.broker.mode == "embedded":
        return [ok("embedded")]
    found: list[Finding] = []
    conf = running_conf(settings.broker)
    if conf is not None and (short := short_of(conf)):
        found.append(warn("conf", "conf-do", file=conf, lines="; ".join(short)))
    try:
        measured = measure(settings.broker)
    except (OSError, ValueError) as error:
        return [*found, warn("unknown", "unknown-do", error=str(error))]
    if measured.kept < measured.sent:
        found.append(warn("short", "short-do", **measured._asdict()))
    elif measured.dropped:
        found.append(warn("dropped", "short-do", **measured._asdict()))
    return or_ok(found, "ok", **measured._asdict())


def influx(settings: Settings) -> Finding:
    """Write nothing to InfluxDB, as the node writes: address, account, bucket and right are then proven."""
    address = settings.influx
    if not address.url:
        return ok("off")
    try:
        http = load("stream.sinks.influx.http")
        with closing(http.connect(address)) as endpoint:
            try:
                endpoint.write(b"")
            except http.RefusedError:  # 2.x says that there is nothing in it, once it has let us in
                pass
            except http.UnavailableError as error:
                return fail("", "down-do", error=str(error))
    except MissingExtraError as error:
        return fail("", "packages-do", error=str(error))
    except ValueError as error:
        return fail("", "down-do", error=str(error))
    return ok("ok", url=address.url, bucket=address.bucket)


def grafana(settings: Settings) -> Finding:
    """Ask Grafana for the data source that `patrolgrid grafana sync` makes."""
    section = settings.grafana
    if not section.url:
        return ok("off")
    try:
        api, panels = load("deploy.grafana.api"), load("deploy.grafana.panels")
        with closing(
            api.Grafana(section.url, section.read_secret("token"), timeout_s=min(section.timeout_s, _CONNECT_S))
        ) as server:
            server.check_version()
            found = server.datasource(panels.DATASOURCE["uid"])
    except (MissingExtraError, ValueError) as error:
        return fail("", "packages-do" if isinstance(error, MissingExtraError) else "down-do", error=str(error))
    except RuntimeError as error:  # GrafanaError, whose module may not be there
        return fail("", "down-do", error=str(error))
    return ok("ok", url=section.url) if found is not None else warn("empty", "empty-do", url=section.url)


def kafka(settings: Settings) -> Finding:
    """Compare the site's topics on Kafka with what they must be."""
    if not settings.kafka.bootstrap:
        return ok("off")
    try:
        topics = load("deploy.kafka.site_topics")
        wanted = topics.topics_of(settings.site.id, settings.kafka.shards, settings.kafka.retention_h)
        found = topics.check(settings.kafka, wanted, settings.kafka.replication)
    except MissingExtraError as error:
        return fail("", "packages-do", error=str(error))
    except (OSError, ValueError) as error:
        return fail("", "down-do", error=str(error))
    shown: dict[str, object] = {"address": settings.kafka.bootstrap, "count": len(wanted)}
    if not found:
        return ok("ok", **shown)
    differs = "; ".join(dict.fromkeys(f"{one.topic} {one.what}: {one.found}, {one.expected}" for one in found))
    return fail("topics", "topics-do", found=differs, **shown)


def channels(settings: Settings) -> list[Finding]:
    """Look whether the servers of delivery's channels can be reached. No message is sent."""
    file = settings.channels_file
    try:
        declared = read_channels(file)
    except SettingsError:  # told by the check of delivery
        return []
    if not settings.deliver.enabled or not declared:
        return [ok("off")]
    found = [fail("folder", "folder-do", name=name, folder=path) for name, path in _bad_folders(file.parent, declared)]
    places = {name: place for name, one in declared.items() if (place := place_of(one)) is not None}
    for name, answer in _all_reached(places).items():
        if answer.trouble:
            found.append(fail("away", "away-do", name=name, place=str(places[name]), error=answer.trouble))
    return or_ok(found, "ok", count=len(places))


def _bad_folders(base: Path, declared: dict[str, ChannelSettings]) -> Iterable[tuple[str, Path]]:
    for name, one in declared.items():
        folder = getattr(one, "folder", None)
        path = None if folder is None else base / Path(folder).expanduser()
        if path is not None and not (path.is_dir() and os.access(path, os.W_OK)):
            yield name, path


def certificates(settings: Settings) -> list[Finding]:
    """Tell which certificates end soon: those that servers show, and those that this site shows to them."""
    places: dict[str, Place] = {}
    for name, url in (("influx", settings.influx.url), ("grafana", settings.grafana.url)):
        if (place := Place.of_url(url)) is not None:
            places[name] = place
    try:
        if settings.broker.tls and settings.broker.mode == "external":
            address = settings.broker
            places["broker"] = Place(address.host, address.port, tls=True, context=address.tls_context())
        declared = read_channels(settings.channels_file)
        places |= {name: place for name, one in declared.items() if (place := place_of(one)) is not None}
    except (OSError, ValueError):  # told by the checks of secrets and of delivery
        pass
    shown = {name: answer.days_left for name, answer in _all_reached(places, tls=True).items()}
    station = station_of(settings)
    files = {
        "broker.tls_cert": settings.broker.tls_cert, "kafka.tls_cert": settings.kafka.tls_cert,
        "board.tls_cert": settings.board.tls_cert,
        "mosquitto/server.crt": station and station.broker / "server.crt",
    }  # fmt: skip
    for name, path in files.items():
        if path is not None and path.exists():
            try:
                shown[name] = load("console.people.pki").read_certificate(path).days_left()
            except (MissingExtraError, ValueError, OSError):  # told by the check of secrets
                continue
    ending = sorted(f"{name} ({days})" for name, days in shown.items() if days is not None and days < _END_DAYS)
    known = [name for name, days in shown.items() if days is not None]
    found = [warn("soon", "soon-do", names=", ".join(ending))] if ending else []
    return or_ok(found, "ok" if known else "none", count=len(known))


def _all_reached(places: dict[str, Place], *, tls: bool = False) -> dict[str, Reached]:
    """Return how each place answers; all are asked at once, since one that hangs takes seconds."""
    wanted = {name: place for name, place in places.items() if place.tls or not tls}
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(wanted, pool.map(reached, wanted.values()), strict=True))
