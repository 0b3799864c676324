"""``patrolgrid codec list|try``: the dialects of vendors' devices, and what a message of one becomes."""

import argparse
import shlex
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import add_settings_arguments, local_time, print_json, print_table, reason_in_words, safe
from console.common import settings_and_texts as settings_of
from console.errors import CommandError
from ingest.clock import wall_ms
from ingest.codecs.bindings import Binding, BindingError, Bindings, read_bindings
from ingest.codecs.codec import MOST_BYTES, Codec, Meaning, VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import NAMES, codec_class
from ingest.observations import Count, Gate, Level, Observation, epoch_ms
from ingest.places import PlacesError, load_places
from ingest.setup.settings import is_time_zone
from stream.sentences.catalogue import Sentences
from stream.sentences.plain import plain

EXAMPLES: Final = """\
examples:
  patrolgrid codec list                                  dialects, and what a binding wants of each
  patrolgrid codec try --codec zigbee2mqtt --topic zigbee2mqtt/front --payload said.json
  patrolgrid codec try --codec zigbee2mqtt --topic zigbee2mqtt/front --payload said.json \\
      --bind "device=door-01 match=zigbee2mqtt/front part=contact"
  patrolgrid codec try --codec zigbee2mqtt --topic zigbee2mqtt/front --payload first.json --payload next.json \\
      --bindings edge.toml
  patrolgrid codec try --codec gat1400 --topic /VIID/MotorVehicles --sender 99999900005030000001 \\
      --payload said.json
  mosquitto_sub -C 1 -t zigbee2mqtt/front | patrolgrid codec try --codec zigbee2mqtt --topic zigbee2mqtt/front \\
      --payload -

`try` says what becomes of messages, one after the other, and why not; nothing is sent or kept. Without bindings it says
what a binding would need. A codec remembers totals and births, so give it the messages before, too. Exit code 1 where
the last message was refused, or says nothing that is bound.
"""
_NUMBERS: Final = ("states", "directions")
"""Fields of a binding that are written as ``states.ON=open``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("list", "list the dialects"), ("try", "say what a message becomes, and why not")):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--json", action="store_true", help="print JSON")
    add = child.add_argument
    add("--codec", required=True, choices=NAMES, metavar="NAME", help="dialect; `patrolgrid codec list` has them")
    add("--topic", action="append", required=True, metavar="T", help="MQTT topic or HTTP path; again for each payload")
    add("--payload", action="append", required=True, metavar="FILE", help="file with a message, - for standard input")
    add("--bind", action="append", default=[], metavar="WORDS", help="a binding: device=ID match=TOPIC part=... of=...")
    add("--bindings", type=Path, metavar="FILE", help="bindings of a settings file of the agent, or of a places file")
    add("--header", action="append", default=[], metavar="NAME:VALUE", help="header of an HTTP request")
    add("--sender", default="", metavar="ACCOUNT", help="account that sent it, and is registered")
    add("--retained", action="store_true", help="the broker had kept it")


def run(options: argparse.Namespace) -> int:
    """List the dialects, or try one. Raises `CommandError` for files and bindings that cannot be used."""
    settings, texts = settings_of(options)
    if options.action == "list":
        return _list(texts, as_json=options.json)
    zone = ZoneInfo(_zone_of(options.bindings) or settings.site.timezone)
    codec = codec_class(options.codec)(_bindings(options), Memory(), zone)
    if options.sender:
        codec.welcome(options.sender, wall_ms())
    meanings = [(message, codec.decode(message)) for message in _messages(options, codec)]
    if options.json:
        print_json([_as_json(meaning) for _, meaning in meanings])
    else:
        for number, (message, meaning) in enumerate(meanings, 1):
            size = len(message.payload)
            print(texts("codec-message", number=number, topic=safe(message.topic), size=size))
            _show(texts, meaning, codec, zone)
    last = meanings[-1][1]
    heard = last.told and not last.refusals and codec.bindings.all
    return 0 if last.observations or last.statuses or heard else 1


def _list(texts: Sentences, *, as_json: bool) -> int:
    codecs = [codec_class(name) for name in sorted(NAMES)]
    if as_json:
        print_json(
            [{"name": one.name, "topics": one.topics, "paths": one.paths, "binds": dict(one.binds)} for one in codecs]
        )
        return 0
    for one in codecs:
        print(f"{one.name}  {' '.join((*one.topics, *one.paths))}".rstrip())
        for key, text in one.binds.items():
            print(f"    {key:<10}  {plain(text, texts.language)}")
    return 0


def _messages(options: argparse.Namespace, codec: Codec) -> list[VendorMessage]:
    topics, payloads = options.topic, options.payload
    if len(topics) not in {1, len(payloads)}:
        text = f"{len(topics)} topics for {len(payloads)} payloads, expected one topic, or one for each payload"
        raise CommandError(text, 2)
    headers = dict(_header(text) for text in options.header)
    http = bool(headers) or any(topics[0].startswith(path) for path in codec.paths)
    return [
        VendorMessage(
            topic, _content(name), wall_ms(), options.retained, headers, options.sender, "POST" if http else ""
        )
        for topic, name in zip(topics * len(payloads) if len(topics) == 1 else topics, payloads, strict=False)
    ]


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(
            f"--header {text!r} has no name before a colon, expected one such as Content-Type: text/xml", 2
        )
    return name.strip().lower(), value.strip()


def _content(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name}: cannot be read: {error.strerror or error}", 2) from error


def _bindings(options: argparse.Namespace) -> Bindings:
    try:
        found = _from_file(options.bindings) if options.bindings else ()
        found += tuple(_from_words(text, options.codec) for text in options.bind)
        return Bindings(found, codecs=NAMES)
    except (BindingError, PlacesError) as error:
        raise CommandError(str(error), 2) from error


def _from_file(path: Path) -> tuple[Binding, ...]:
    """Return the bindings of an agent's settings (TOML), or of the devices in a places file (GeoJSON)."""
    try:
        if path.suffix.lower() != ".toml":
            return tuple(one for device in load_places(path).devices.values() for one in device.bindings)
        return read_bindings(tomllib.loads(path.read_text("utf-8-sig")).get("bindings", []), f"{path}: bindings")
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror or error}", 2) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: not TOML: {error}", 2) from error


def _zone_of(path: Path | None) -> str:
    """Return the zone that an agent's settings name; empty where they name none."""
    if path is None or path.suffix.lower() != ".toml" or not path.is_file():
        return ""
    with suppress(tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        agent = tomllib.loads(path.read_text("utf-8-sig")).get("agent")
        zone = agent.get("zone") if isinstance(agent, dict) else None
        return zone if isinstance(zone, str) and is_time_zone(zone) else ""
    return ""


def _from_words(text: str, codec: str) -> Binding:
    """Return the binding in words: ``device=door-1 match=a/b states.ON=open``. Raises `BindingError`."""
    given: dict[str, Any] = {"codec": codec}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BindingError(f"--bind {text!r}: {error}") from None
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            raise BindingError(f"--bind {text!r}: {word!r} has no =, expected words such as device=door-1")
        table, dot, name = key.partition(".")
        if dot and table in _NUMBERS:
            given.setdefault(table, {})[name] = value
        else:
            given[key] = value
    return read_bindings([given], f"--bind {text!r}")[0]


def _show(texts: Sentences, meaning: Meaning, codec: Codec, zone: ZoneInfo) -> None:
    rows = [(device, *_row(texts, observation, zone)) for device, observation in meaning.observations]
    columns = ("codec-col-device", "codec-col-type", "codec-col-says", "codec-col-time")
    print_table([texts(column) for column in columns], [[safe(cell) for cell in row] for row in rows], indent="    ")
    for device, state in meaning.statuses:
        print("    " + texts("codec-status", device=device, state=state))
    for refusal in meaning.refusals:
        why = safe(plain(refusal.detail, texts.language))
        print("    " + texts("codec-refused", reason=reason_in_words(texts, refusal.reason), detail=why))
    for one in meaning.strangers:
        words = f"match={shlex.quote(one.match)}" + (f" part={shlex.quote(one.part)}" if one.part else "")
        print("    " + texts("codec-stranger", words=safe(words), guess=one.guess or "-"))
    for what, times in meaning.told.items():
        print("    " + texts(f"codec-told-{what}", times=times))
    if meaning.reply is not None:
        print("    " + texts("codec-reply", status=meaning.reply.status))
    if not (rows or meaning.statuses or meaning.refusals or meaning.strangers or meaning.told):
        print("    " + texts("codec-nothing" if codec.bindings.all else "codec-unbound"))


def _row(texts: Sentences, said: Observation, zone: ZoneInfo) -> tuple[str, str, str]:
    time = local_time(epoch_ms(said.ts), zone) + (f" {texts('codec-backfill')}" if said.backfill else "")
    if isinstance(said, Count):
        words = texts("codec-count", of=said.of, came=said.in_, went=said.out, seconds=f"{said.interval_s:g}")
    elif isinstance(said, Gate):
        words = "  ".join(filter(None, (said.direction, said.vehicle, said.plate)))
    elif isinstance(said, Level):
        words = f"{said.metric} = {said.value:g} {said.unit}".rstrip()
    else:
        words = f"{said.metric} = {said.value}"
    return type(said).__name__.lower(), words, time


def _as_json(meaning: Meaning) -> dict[str, object]:
    return {
        "observations": [{"device": device, **msgspec.to_builtins(said)} for device, said in meaning.observations],
        "statuses": [{"device": device, "state": state} for device, state in meaning.statuses],
        "refusals": [{"reason": refusal.reason, "detail": refusal.detail} for refusal in meaning.refusals],
        "strangers": msgspec.to_builtins(meaning.strangers),
        "told": dict(meaning.told),
        "reply": None if meaning.reply is None else {"status": meaning.reply.status},
    }
