"""Writes what is read about payloads from their structs: docs/devices.schema.json, and the tables of docs/devices*.md.

    python docs/make_devices.py

A test holds that all three are up to date.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest import topics
from ingest.codecs.people import MOST_INCIDENTS
from ingest.codecs.vendors import NAMES, codec_class
from ingest.events import Incident, PatrolDid
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.observations import Count, Gate, Level, State
from ingest.places import DEVICE_TYPES
from stream.sentences.plain import pairs

ROOT: Final = Path(__file__).parent
SCHEMA: Final = ROOT / "devices.schema.json"
PAGES: Final = {"en": ROOT / "devices.md", "zh-CN": ROOT / "devices.zh-CN.md"}
STRUCTS: Final = {"count": Count, "gate": Gate, "level": Level, "state": State, "incident": Incident, "did": PatrolDid}
_FILLED_IN: Final = {"did": {"officer"}}
"""Fields that a gateway fills in: nobody sends them."""
_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_COMMON: Final = "observation"

FIELDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    _COMMON: {
        "ts": (
            "When it was: of a count the end of its interval, of all else the moment.",
            "发生时间：计数为时段结束的时刻，其余为当时。",
        ),
        "seq": (
            "The device's own number, one more each time; left out, the gateway numbers.",
            "设备自己的序号，逐次加一；不写则由网关编号。",
        ),
        "boot": (
            "Another text whenever `seq` begins again: a start's time, a random word.",
            "`seq` 重新开始时换一个值，例如启动时间或随机词。",
        ),
        "backfill": (
            "Kept on purpose and sent later: counts where it belongs, raises nothing, ends no newer alarm.",
            "有意暂存、事后补发：计入原时段，不引发告警，也不结束更新的告警。",
        ),
    },
    "count": {
        "interval_s": ("Seconds that were counted in; the interval ends at `ts`.", "计数时段的秒数，到 `ts` 为止。"),
        "in": (
            "How many passed the line inwards **in this interval**, not since midnight.",
            "本时段内进入的数量，**不是**从零点起的累计。",
        ),
        "out": (
            "How many outwards. A counter without directions uses `in` alone.",
            "离开的数量；不分方向时只用 `in`。",
        ),
        "of": ("Who is counted.", "计数对象。"),
    },
    "gate": {
        "direction": ("Which way it passed.", "通行方向。"),
        "plate": (
            "As it was read, sealed (`s1:`) or a token (`h1:`); never stored raw: [plates.md](plates.md).",
            "识别结果、加密（`s1:`）或代号（`h1:`）；原文从不入库，见 [plates.zh-CN.md](plates.zh-CN.md)。",
        ),
        "vehicle": ("What it is.", "车型。"),
        "allowed": (
            "Whether the gate's own list lets it in; unknown where left out.",
            "是否在道闸白名单内；不写即未知。",
        ),
    },
    "level": {
        "metric": ("What is measured; those with a rule stand below.", "测量的指标；有规则的见下文。"),
        "value": ("The reading.", "读数。"),
        "unit": ("Its unit; empty: the rule's.", "单位；为空即规则的单位。"),
    },
    "state": {
        "metric": ("What has the state.", "哪一项状态。"),
        "value": ("Its word.", "状态词。"),
    },
    "incident": {
        "id": ("Of the system that reports; a repeat changes nothing.", "上报系统中的编号；重复发送不产生影响。"),
        "ts": ("When it happened.", "发生时间。"),
        "lon": ("Longitude, WGS 84 (not GCJ-02).", "经度，WGS 84（不是 GCJ-02）。"),
        "lat": ("Latitude, WGS 84.", "纬度，WGS 84。"),
        "category": ("What it is; known ones have names and make series.", "类别；已知类别有名称，并可成系列。"),
        "provenance": ("Who found it: it decides the weight in the map.", "来源：决定其在热点图中的权重。"),
        "text": ("What is told; Chinese plates in it are hidden.", "情况说明；其中的国内号牌会被隐去。"),
        "backfill": ("History: the map learns from it, nobody is alerted.", "历史警情：供热点图学习，不引发告警。"),
    },
    "did": {
        "what": (
            "Arrived at, done with or skipped a stop; needs help; is called away, or back.",
            "到达、完成、跳过停留点；求助；被调离、归队。",
        ),
        "stop": (
            "The stop's id from the plan; not for help, away and back.",
            "计划中停留点的编号；求助、调离、归队不需要。",
        ),
        "ts": ("When; left out, when it is received.", "时间；不写则取收到的时间。"),
        "note": ("Why, or what is going on.", "原因或情况。"),
    },
}
"""Table → field → what it means, in English and Chinese."""
_HEADS: Final = {
    "en": "| field | what it may be | left out | meaning |",
    "zh-CN": "| 字段 | 取值 | 不写时 | 含义 |",
}
_DIALECT_HEADS: Final = {
    "en": "| dialect | topics, or paths of HTTP, as it leaves the factory | what to write in a binding |",
    "zh-CN": "| 协议 | 出厂时的主题或 HTTP 路径 | 绑定中的填写内容 |",
}
_SAID: Final = {
    "en": {"whole": "whole number", "number": "number", "text": "text", "truth": "`true`, `false`", "time": "time",
           "most": "at most {}", "to": "{} to {}", "above": "above {}, at most {}", "must": "**required**",
           "signs": "letters, digits and `{}`"},
    "zh-CN": {"whole": "整数", "number": "数值", "text": "文本", "truth": "`true`、`false`", "time": "时间",
              "most": "最多 {} 字符", "to": "{} 至 {}", "above": "大于 {}，至多 {}", "must": "**必填**",
              "signs": "字母、数字及 `{}`"},
}  # fmt: skip


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of everything that is published, by the last level of its topic."""
    _, found = msgspec.json.schema_components([*STRUCTS.values()], ref_template="#/$defs/{name}")
    defs: dict[str, Any] = {}
    for name, struct in STRUCTS.items():
        one = portable(found[struct.__name__])
        for field in _FILLED_IN.get(name, ()):
            del one["properties"][field]
        for field, rules in one["properties"].items():
            if field != "type":
                rules["description"] = plain(FIELDS.get(name, {}).get(field) or FIELDS[_COMMON][field])
        one.pop("title")
        defs[name] = one
    most = GatewaySettings().max_observations
    one_of = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("count", "gate", "level", "state")]}
    defs |= {
        "obs": {
            "description": "…/{beat}/{device}/obs: one observation, or an array of them.",
            "anyOf": [*one_of["anyOf"], {"type": "array", "items": one_of, "maxItems": most}],
        },
        "status": {
            "description": "…/{beat}/{device}/status, retained, and the last will.",
            "type": "object",
            "properties": {"state": {"enum": ["offline", "online"]}},
            "required": ["state"],
        },
        "incidents": {
            "description": "patrolgrid/v1/{site}/incidents: one incident, or an array of them.",
            "anyOf": [
                {"$ref": "#/$defs/incident"},
                {"type": "array", "items": {"$ref": "#/$defs/incident"}, "minItems": 1, "maxItems": MOST_INCIDENTS},
            ],
        },
        "places": places_schema(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PatrolGrid: what devices, officers and dispatch systems publish, and the places file",
        "description": "Made by `python docs/make_devices.py`. Choose #/$defs/obs, status, incidents, did or places. "
        "More is taken than this: docs/devices.md. What is not named here is passed over.",
        "$defs": defs,
    }


def places_schema() -> dict[str, Any]:
    """Return the schema of a places file."""
    name = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
    known = {"type": "string", "pattern": ecma(topics.ID_PATTERN.pattern)}
    whole = {"type": "integer", "minimum": 0}
    point = {"type": "array", "items": {"type": "number"}, "minItems": 2}

    def feature(kind: str, geometry: str, least: int, required: list[str], **properties: object) -> dict[str, Any]:
        places: dict[str, Any] = {"Point": point, "LineString": {"type": "array", "items": point, "minItems": least}}
        ring = {"type": "array", "items": point, "minItems": least}
        places["Polygon"] = {"type": "array", "items": ring, "minItems": 1}
        return {
            "type": "object",
            "required": ["properties", "geometry"],
            "properties": {
                "properties": {
                    "type": "object",
                    "properties": {"kind": {"const": kind}, "name": name, **properties},
                    "required": ["kind", *required],
                },
                "geometry": {
                    "type": "object",
                    "properties": {"type": {"const": geometry}, "coordinates": places[geometry]},
                    "required": ["type", "coordinates"],
                },
            },
        }

    beat_id = known | {"not": {"enum": sorted(topics.RESERVED_BEATS)}}
    numbers = {"residents": whole, "officers": whole, "shard": whole}
    kinds = [
        feature("beat", "Polygon", 4, ["id"], id=beat_id, community={"type": "string"}, **numbers),
        feature(
            "device", "Point", 0, ["id", "beat", "type"], id=known, beat=beat_id, type={"enum": list(DEVICE_TYPES)},
            overrides={"type": "object"}, heading={"type": ["number", "null"], "minimum": 0, "maximum": 360},
        ),
        feature("street", "LineString", 2, ["name"]),
        feature("landmark", "Point", 0, ["name"]),
    ]  # fmt: skip
    return {
        "description": "The places file: a GeoJSON FeatureCollection, coordinates [lon, lat] in WGS 84.",
        "type": "object",
        "properties": {
            "type": {"const": "FeatureCollection"},
            "name": name,
            "features": {"type": "array", "items": {"anyOf": kinds}},
        },
        "required": ["type", "features"],
    }


def portable(found: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with patterns that other languages can read, whole limits as whole numbers, texts in one line."""

    def hook(part: dict[str, Any]) -> dict[str, Any]:
        if part.get("format") == "date-time":  # many tools do not look at formats
            part["pattern"] = _TIME
        for key, value in part.items():
            if key == "pattern":
                part[key] = ecma(value)
            elif isinstance(value, str):
                part[key] = " ".join(value.split())
            elif isinstance(value, float) and value.is_integer():
                part[key] = int(value)
        return part

    one: dict[str, Any] = json.loads(json.dumps(found), object_hook=hook)
    return one


def ecma(pattern: str) -> str:
    r"""Return a pattern of Python as ECMA 262 has it, in Unicode mode.

    >>> ecma(r"^[^\W_][^\"']\Z")
    '^[^\\x00-/:-@\\[-`{-\\x9f][^"\']$'
    """
    # A letter or a digit is told by what it is not: \p{L} is not known everywhere, \w is ASCII in JavaScript.
    pattern = pattern.replace(r"[^\W_]", r"[^\x00-/:-@\[-`{-\x9f]")
    return re.sub(r"\\Z$", "$", pattern).replace(r"\"", '"')


def plain(words: tuple[str, str]) -> str:
    """Return what a field means, in English, without marks of a page."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"docs/\1", words[0]).replace("**", "").replace("`", "")


def kind_of(rules: dict[str, Any], language: str) -> str:
    """Return what a field may be, in few words."""
    said = _SAID[language]
    either = [one for one in rules.get("anyOf", ()) if one != {"type": "null"}]
    if len(either) > 1:
        return said["time"]
    rules = either[0] if either else rules
    if "enum" in rules:
        return ", ".join(f"`{word}`" for word in rules["enum"])
    if rules["type"] == "boolean":
        return said["truth"]
    if rules["type"] == "string":
        text, most = said["text"], rules.get("maxLength") or 64
        signs = re.match(r"\^\(?\[A-Za-z0-9\]?(?:\[A-Za-z0-9)?([^]\]]*)\]", rules.get("pattern", ""))
        if signs:
            text = said["signs"].format(signs[1])
        return f"{text}, {said['most'].format(most)}" if language == "en" else f"{text}，{said['most'].format(most)}"
    least, most = rules.get("minimum", rules.get("exclusiveMinimum")), rules["maximum"]
    limits = said["above" if "exclusiveMinimum" in rules else "to"].format(shown(least), shown(most))
    return f"{said['whole' if rules['type'] == 'integer' else 'number']}, {limits}".replace(
        ", ", ", " if language == "en" else "，", 1
    )


def shown(number: float) -> str:
    """Return a limit as people read it."""
    return f"{number:,}" if abs(number) < 10**9 else f"{number:.2g}".replace("e+0", "e").replace("e+", "e")


def table(name: str, language: str) -> str:
    """Return the table of a kind's fields as it stands in a page."""
    struct = "count" if name == _COMMON else name
    fields = schema()["$defs"][struct]
    rows = [_HEADS[language], "|---|---|---|---|"]
    for field, words in FIELDS[name].items():
        rules = fields["properties"][field]
        default = json.dumps(rules.get("default"))
        left_out = "—" if default in {"null", '""'} else f"`{default.strip(chr(34))}`"
        if field in fields["required"]:
            left_out = _SAID[language]["must"]
        rows.append(f"| `{field}` | {kind_of(rules, language)} | {left_out} | {words[language != 'en']} |")
    return "\n".join(rows)


def dialects(language: str) -> str:
    """Return the table of the dialects: what each codec says that a binding of it wants."""
    translated, colon = pairs(language), ": " if language == "en" else "："
    rows = [_DIALECT_HEADS[language], "|---|---|---|"]
    for name in sorted(NAMES):
        codec = codec_class(name)
        wants = (f"`{key}`{colon}{translated.get(text, text)}" for key, text in codec.binds.items())
        where = ", ".join(f"`{one}`" for one in (*codec.topics, *codec.paths))
        rows.append(f"| `{name}` | {where} | {'<br>'.join(wants)} |")
    return "\n".join(rows)


def page(language: str) -> str:
    """Return a page as it is, with the tables as they should be: each stands between two comments."""
    text = PAGES[language].read_text(encoding="utf-8")
    for name, made in {**{name: table(name, language) for name in FIELDS}, "dialects": dialects(language)}.items():
        begin, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{made}\n{end}{rest.partition(end)[2]}"
    return text


def schema_text() -> str:
    """Return docs/devices.schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    for tag, path in PAGES.items():
        path.write_text(page(tag), encoding="utf-8")
