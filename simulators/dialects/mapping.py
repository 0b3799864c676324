"""What a technician would have to map for simulated devices that speak dialects: for an agent's file, or for places."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingest.codecs.bindings import Binding
from ingest.files import replace_file
from simulators.dialects.speaker import Speaker
from simulators.world.neighbourhood import QUARTER, Neighbourhood


def bindings_of(site: Neighbourhood, speakers: Sequence[Speaker]) -> dict[str, list[Binding]]:
    """Return what is to be mapped: device → its bindings, for those that speak a dialect."""
    found: dict[str, list[Binding]] = {}
    for spec in site.specs:
        speaker = next((one for one in speakers if spec.device.type in one.says), None)
        if speaker is not None:
            found[spec.device.id] = speaker.bindings(spec.device)
    return found


def write_mapping(path: Path, site: Neighbourhood, speakers: Sequence[Speaker], places: Path | None) -> None:
    """Write the ``[[bindings]]`` of an agent's file, or, where the name ends with ``json``, the places with theirs.

    Raises OSError, and ValueError where the file is there already: it may be a station's own.
    """
    if path.exists():
        raise ValueError(f"{path}: is there already; expected the name of a new file")
    found = bindings_of(site, speakers)
    if not path.name.endswith("json"):
        text = "\n".join(_table(one) for some in found.values() for one in some)
        replace_file(path, text.encode(), durable=False)
        return
    document = msgspec.json.decode((QUARTER if places is None else places).read_bytes())
    for feature in document["features"]:
        properties = feature["properties"]
        if properties.get("id") in found:
            some = [msgspec.to_builtins(one) for one in found[properties["id"]]]
            properties["bindings"] = [{key: value for key, value in one.items() if key != "device"} for one in some]
    replace_file(path, msgspec.json.format(msgspec.json.encode(document), indent=1), durable=False)


def _table(binding: Binding) -> str:
    """Return a binding as a table of TOML."""
    lines = [f"{key} = {_value(value)}" for key, value in msgspec.to_builtins(binding).items()]
    return "\n".join(["[[bindings]]", *lines, ""])


def _value(value: str | dict[str, str]) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
