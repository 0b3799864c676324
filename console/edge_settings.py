"""``patrolgrid edge settings|key``: what a station tells an edge agent to go by, and the key that it is signed with."""

import argparse
import time
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from console.common import FoundSite, print_json, settings_and_texts
from console.errors import CommandError
from deploy.settings import Settings
from ingest import topics
from ingest.clock import wall_ms
from ingest.codecs.bindings import BindingError, Bindings
from ingest.edge.edge_file import check_remote
from ingest.edge.signed_settings import (
    MOST_BYTES,
    SignedSettings,
    key_text,
    settings_key,
    write_settings,
)
from ingest.files import replace_file
from ingest.gateway.plate_keys import command_keys
from ingest.mqtt import Inbound, Outbound, Session
from ingest.mqtt.publisher import publish_all
from ingest.places import Places, load_places
from ingest.setup.settings import SettingsError
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

_HEARD_S: Final = 5.0


def station_secret(settings: Settings) -> bytes:
    """Return the secret that keys of agents are made of; made once, beside the keys for plates.

    Raises `ingest.gateway.plates.PlateKeyError`.
    """
    return command_keys(settings.plate_key_file.with_name("settings.key"))[0]


def agent_key(settings: Settings, device: str) -> bytes:
    """Return the key of the agent that speaks through a device, as it is given at enrolment (`key_text`)."""
    return settings_key(station_secret(settings), device)


def run(options: argparse.Namespace) -> int:
    """Send or show settings, or print a key."""
    settings, texts = settings_and_texts(options)
    places = load_places(settings.places_file)
    place = places.devices.get(options.device)
    if place is None:
        raise CommandError(texts("edge-settings-unknown", device=options.device, file=settings.places_file), code=2)
    if options.action == "key":
        print(key_text(agent_key(settings, place.id)))
        return 0
    said, sent = _said(settings, place.id), _sent(settings, place.id)
    if options.places:
        document: dict[str, Any] = {"bindings": _bindings(places, tuple(said.get("devices") or (place.id,)))}
    elif options.none:
        document = {}
    elif options.file is None:
        return _show(options, texts, said, sent)
    else:
        document = _read(options.file)
    check_remote(document)
    before = max(sent.version if sent else 0, int(said.get("settings") or 0), int(said.get("settings_refused") or 0))
    wanted = SignedSettings(device=place.id, version=before + 1, made_ms=wall_ms(), settings=document)
    topic = topics.settings(settings.site.id, place.beat, place.id)
    payload = write_settings(wanted, topic, agent_key(settings, place.id))
    if len(payload) > MOST_BYTES:
        raise CommandError(texts("edge-settings-large", size=len(payload), most=MOST_BYTES))
    file = _file(settings, place.id)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(file, msgspec.json.encode(wanted), mode=0o600)  # first, so that no version is ever given twice
    _publish(settings, texts, topic, payload)
    if options.json:
        print_json({"device": place.id, "version": wanted.version, "settings": document})
    else:
        print(texts("edge-settings-sent", device=place.id, version=wanted.version))
    return 0


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error


def _bindings(places: Places, devices: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what the places file binds to some devices, for their agent. Raises `BindingError`."""
    known = [one for device in devices for one in getattr(places.devices.get(device), "bindings", ())]
    Bindings(known)
    if not known:
        raise BindingError(f"the places file has no bindings for {', '.join(devices)}; expected some, or a FILE")
    return [msgspec.to_builtins(one) for one in known]


def _file(settings: Settings, device: str) -> Path:
    return settings.site_dir / "settings" / f"{device}.json"


def _sent(settings: Settings, device: str) -> SignedSettings | None:
    """Return what was sent last, None where nothing was, or where it cannot be read any more."""
    try:
        return msgspec.json.decode(_file(settings, device).read_bytes(), type=SignedSettings)
    except (OSError, msgspec.MsgspecError):
        return None


def _said(settings: Settings, device: str) -> dict[str, Any]:
    """Return what the agent last said of itself, nothing where it never did."""
    store = FoundSite(settings.site.id, settings.site_dir).store
    try:
        with closing(StoreReader(store)) as reader:
            return next((one for one in reader.agents() if one["device"] == device), {})
    except StoreError:
        return {}


def _show(options: argparse.Namespace, texts: Sentences, said: dict[str, Any], sent: SignedSettings | None) -> int:
    has, refused = int(said.get("settings") or 0), int(said.get("settings_refused") or 0)
    problem = str(said.get("settings_problem") or "")
    if options.json:
        shown = None if sent is None else msgspec.to_builtins(sent)
        print_json({"device": options.device, "sent": shown, "has": has, "refused": refused, "problem": problem})
        return 0
    name = "edge-settings-last" if said else "edge-settings-silent"
    print(texts(name, device=options.device, version=sent.version if sent else 0, has=has))
    if problem:
        print(texts("edge-settings-problem", problem=texts.told(problem)))
    return 0


def _publish(settings: Settings, texts: Sentences, topic: str, payload: bytes) -> None:
    """Publish, and hear it: a broker that does not let this account write there takes the message all the same."""
    heard: list[bytes] = []

    def take(message: Inbound) -> None:
        heard.append(message.payload)

    session = Session(settings.broker, "", filters=(topic,), on_message=take)
    try:
        session.connect()
        publish_all(settings.broker, [Outbound(topic, payload, retain=True)])
        until = time.monotonic() + _HEARD_S
        while payload not in heard and time.monotonic() < until:
            session.wait(0.05)
    finally:
        session.close()
    if payload not in heard:
        raise CommandError(texts("edge-settings-unheard", topic=topic, user=settings.broker.username or "-"))
