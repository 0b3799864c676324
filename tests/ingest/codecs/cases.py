"""Messages of real devices and what they mean, from the shared folder; skipped where that is absent."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from ingest.gateway.plates import normalise
from ingest.observations import epoch_ms
from ingest.places import Device
from simulators.dialects import SPEAKERS

FILE = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "dialects.jsonl"
ABSENT = "the shared folder beside the project is absent (shared/payloads/dialects.jsonl)"
CODEC_OF = {"gat1400": "gat1400", "homeassistant": "esphome", "sparkplugb": "sparkplug"}
"""Vendor → codec, where the names differ."""


def cases():
    if not FILE.exists():
        return {}
    found = {}
    for case in map(json.loads, FILE.read_text("utf-8").splitlines()):
        if case.get("given", {}).get("registered"):
            first = _registers(case)
            found[first["id"]] = first
            case["after"] = [first["id"], *case.get("after", [])]
        found[case["id"]] = case
    for case in found.values():
        case["proved"] = any(map(_proves, (case, *(found[earlier] for earlier in case.get("after", [])))))
    return found


def _proves(case):
    """Tell whether the sender of a message has proved itself with it, which the source of messages looks at."""
    return bool(case.get("given", {}).get("registered")) or any(
        name.lower() == "authorization" for name in case["headers"]
    )


def _registers(case):
    """Return what comes before a message of a system that is given as registered."""
    earlier = datetime.fromisoformat(case["received_at"]) - timedelta(seconds=30)
    ident = case["headers"]["User-Identify"]
    return {
        "id": f"{case['id']}, registered", "vendor": "gat1400", "transport": "http",
        "topic_or_path": "/VIID/System/Register", "headers": case["headers"], "received_at": earlier.isoformat(),
        "payload": json.dumps({"RegisterObject": {"DeviceID": ident}}), "given": {"registered": True}, "expect": [],
        "reply": {"status": 200}, "binding": case.get("binding", {}),
    }  # fmt: skip


def codec_of(case):
    return CODEC_OF.get(case["vendor"], case["vendor"])


def message_of(case):
    if "message" in case:
        return case["message"]
    payload = base64.b64decode(case["payload_b64"]) if "payload_b64" in case else case.get("payload", "").encode()
    received = round(datetime.fromisoformat(case["received_at"]).timestamp() * 1000)
    headers = {name.lower(): value for name, value in case["headers"].items()}
    return VendorMessage(
        case["topic_or_path"], payload, received, retained=case.get("retain", False), headers=headers,
        sender=headers.get("user-identify", "") if case["proved"] else "",
        method=case.get("method", "POST") if case["transport"] == "http" else "",
    )  # fmt: skip


def plain(device, observation):
    """Return an observation in the form in which the file has what is expected."""
    said = msgspec.to_builtins(observation)
    said["ts"] = epoch_ms(observation.ts) // 1000
    if "plate" in said:
        said["plate"] = normalise(said["plate"])
    return said


def wanted(expected):
    return [{**one, "ts": round(datetime.fromisoformat(one["ts"]).timestamp())} for one in expected]


def agrees(said, want):
    """Tell whether observations are those wanted, in any order; None and absent keys are not compared."""
    if len(said) != len(want):
        return False
    left = list(said)
    for one in want:
        match = next(
            (
                other
                for other in left
                if all(
                    _same(other.get(key), value)
                    for key, value in one.items()
                    if not (key == "interval_s" and value is None)
                )
            ),
            None,
        )
        if match is None:
            return False
        left.remove(match)
    return True


def _same(ours, theirs):
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        return abs(ours - theirs) < 1e-6
    return ours == theirs


def bindings_of(case):
    """Translate what the technician has mapped, which the file says in a form of its own."""
    if "bindings" in case:
        return case["bindings"]
    codec, said = codec_of(case), case.get("binding", {})
    return [Binding(codec=codec, **one) for one in TRANSLATE.get(codec, _plainly)(case, said)]


def _plainly(case, said):
    topic = case["topic_or_path"].removesuffix("/availability")
    return [{"device": said["device"], "match": topic}] if "device" in said else []


def _axis(case, said):
    one = {key: said[key] for key in ("device", "direction", "of", "meaning") if key in said}
    part = f"Device1Scenario{said['scenario']}" if "scenario" in said else ""
    return [{**one, "match": case["topic_or_path"].split("/")[1], "part": part}]


def _by_part(match):
    """Of boards: a part → its metric and its words."""

    def translate(case, said):
        parts = {key: value for key, value in said.items() if isinstance(value, dict)}
        whole = {"device": said["device"], "match": match(case)}
        return [
            {
                **whole,
                "part": part,
                "metric": value["metric"],
                "states": {k: v for k, v in value.items() if k != "metric"},
            }
            for part, value in parts.items()
        ] or [{**whole, **{key: said[key] for key in ("metric", "direction") if key in said}}]

    return translate


def _frigate(_case, said):
    one = {key: said[key] for key in ("device", "direction", "of") if key in said}
    return [{**one, "match": said.get("topic", said.get("camera")), "part": said.get("zone", "")}]


def _gat1400(case, said):
    match = said.get("viid") or case.get("headers", {}).get("User-Identify") or case["topic_or_path"]
    several = said.get("devices") or ({"": said} if "device" in said else {})
    keys = ("device", "direction", "directions", "of")
    return [
        {"match": match, "part": part, **{key: one[key] for key in keys if key in one}} for part, one in several.items()
    ]


def _onvif(case, said):
    one = {key: said[key] for key in ("device", "direction", "of", "directions") if key in said}
    return [{**one, "match": case["topic_or_path"].split("/onvif-ej/")[0], "directions": said.get("rules", {})}]


def _senml(_case, said):
    states = {"states": said["door"]} if "door" in said else {}
    return [
        {"device": device, "match": match, "part": part, **(states if part else {})}
        for match, device in said.get("names", {}).items()
        for part in ("", *(["door"] if states else []))
    ]


def _kept(said, *names):
    return {name: said[name] for name in names if name in said}


def _dahua(case, said):
    return [{"match": case["topic_or_path"], **_kept(said, "device", "of", "direction", "directions")}]


def _hikvision(case, said):
    match, meaning = case["topic_or_path"], {"realTime": "total", "timeRange": "interval"}.get(said.get("method"), "")
    if "channels" in said:
        return [{"match": match, "part": channel, "device": device} for channel, device in said["channels"].items()]
    return [{"match": match, "meaning": meaning, **_kept(said, "device", "of", "direction", "directions")}]


def _milesight(case, said):
    meaning = {"periodic": "interval", "trigger": "total"}.get(said.get("method"), "")
    lines = said.get("lines", {"": {}})
    match, device = case["topic_or_path"], said["device"]
    return [{"match": match, "device": device, "part": line, "meaning": meaning, **one} for line, one in lines.items()]


def _sparkplug(_case, said):
    own = ("device", "of", "direction", "metric", "unit")
    return [
        {
            "device": device["device"],
            "match": f"{said['node']}/{name}",
            "part": part,
            **{key: value for key, value in one.items() if key in own},
            "states": {key: value for key, value in one.items() if key not in own},
        }
        for name, device in said["devices"].items()
        for part, one in device.items()
        if part != "device"
    ]


TRANSLATE = {
    "axis": _axis,
    "dahua": _dahua,
    "esphome": lambda case, said: [{**said, "match": case["topic_or_path"]}],
    "frigate": _frigate,
    "gat1400": _gat1400,
    "hikvision": _hikvision,
    "milesight": _milesight,
    "onvif": _onvif,
    "senml": _senml,
    "shelly": _by_part(lambda case: case["topic_or_path"].split("/")[0]),
    "sparkplug": _sparkplug,
    "tasmota": _by_part(lambda case: case["topic_or_path"].split("/")[1]),
}
"""Codec → (case, its binding) → fields of our bindings."""


class Feed:
    """A codec with what it has saved: it can be restarted at any time."""

    def __init__(self, name, bindings):
        self.name, self.bindings, self.saved = name, Bindings(bindings), {}
        self.restart()

    @classmethod
    def of(cls, name, chain):
        return cls(name, together(chain))

    def restart(self):
        self.codec = codec_class(self.name)(self.bindings, Memory(self.saved), ZoneInfo("Asia/Shanghai"))

    def __call__(self, message):
        meaning = self.codec.decode(message)
        for key, value in self.codec.memory.changes().items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value
        return meaning


def together(some):
    """Return the bindings of several messages; of two for the same thing the first."""
    found = {}
    for case in some:
        for one in bindings_of(case):
            found.setdefault((one.match, one.part), one)
    return list(found.values())


def simulated(name):
    """Return what simulated devices say in a dialect, one message after the other; they are there without the file."""
    speaker, found, ts = SPEAKERS[name](ZoneInfo("Asia/Shanghai")), [], 1_795_134_000_000
    kind: Any
    for kind, says in speaker.says.items():
        device = Device(f"sim-{kind}", "b1", kind, {}, 121.47, 31.23)
        bound = speaker.bindings(device)
        for what in [one for one in says for _ in range(3)]:
            ts += 60_000
            word, _, name_of = what.partition("/")
            body = {"type": word, "ts": ts, **_BODIES[word], "of" if word == "count" else "metric": name_of}
            if word == "state":
                body["value"] = _WORDS.get(name_of, "alarm")
            for number, spoken in enumerate(speaker.say(device.id, body, ts)):
                headers = {"content-type": spoken.content_type}
                message = VendorMessage(spoken.topic, spoken.payload, ts + 500, headers=headers, sender=device.id)
                one = {"id": f"simulated {kind} {what} {ts // 60_000 % 1_000} {number}", "message": message}
                found.append(one | {"bindings": bound})
    return found


_BODIES: dict[str, dict[str, Any]] = {
    "count": {"interval_s": 60, "in": 3, "out": 2},
    "gate": {"direction": "in", "plate": "京A12345", "vehicle": "car"},
    "level": {"value": 61.5, "unit": ""},
    "state": {},
}
_WORDS = {"door": "open", "cover": "open", "video": "blocked", "barrier": "stuck"}


def chains(name):
    """Return every message of a codec with those that are to come before it."""
    known = cases()
    return [simulated(name)] + [
        [*(known[earlier] for earlier in case.get("after", [])), case]
        for case in known.values()
        if codec_of(case) == name
    ]


def everything_of(name):
    """Return all messages of a codec, and bindings for them."""
    some = [*simulated(name), *(case for case in cases().values() if codec_of(case) == name)]
    return [message_of(case) for case in some], together(some)
