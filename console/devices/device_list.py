"""The devices of a places file: put in, moved, changed, taken out, each time with the whole file checked as by a node.

The file of before stays beside it. Whoever has it open in a program overwrites what is changed here: nobody can help.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from console.errors import CommandError
from deploy.settings import Settings
from deploy.wiring import check_places
from ingest.codecs.bindings import Binding
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file
from ingest.places import DEVICE_TYPES, Places, Point
from ingest.places.importing import Called, dump
from ingest.places.place_findings import ACCOUNTS, EXPLAINED, beat_at, find_all
from ingest.topics import ID_PATTERN

BEFORE: Final = "places.before.geojson"
"""The file of before, beside the places file."""


class DeviceList:
    """A site's places file, as far as its devices go. Raises `CommandError` for a file that is wrong already."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self.path = settings, settings.places_file
        try:
            self._content = self.path.read_bytes()
        except OSError as error:
            raise CommandError(f"{self.path}: {error.strerror}") from error
        self.places = self._checked(self._content)
        self._document: dict[str, Any] = msgspec.json.decode(self._content.removeprefix(b"\xef\xbb\xbf"))

    def add(
        self,
        device: str,
        kind: str,
        *,
        at: Point | None,
        beat: str,
        name: Called = "",
        bindings: Sequence[Binding] = (),
    ) -> None:
        """Put a device in. Raises `CommandError`."""
        if device in self.places.devices:
            raise CommandError(
                f"device {device!r} is there already; `patrolgrid device replace` gives it a new account"
            )
        if not ID_PATTERN.match(device):
            raise CommandError(f"{device!r} is no id of a device, expected letters, digits, - and _, at most 48", 2)
        if device in ACCOUNTS or device in roster_of(self._settings.patrol).officers:
            raise CommandError(f"{device!r} is another account at the broker; a device needs an id of its own", 2)
        if kind not in DEVICE_TYPES:
            raise CommandError(f"type is {kind!r}, expected one of {', '.join(DEVICE_TYPES)}", 2)
        beat, point = self._where(beat, at)
        properties: dict[str, Any] = {
            "kind": "device",
            "id": device,
            "type": kind,
            "beat": beat,
            "name": name or device,
        }
        if bindings:
            properties["bindings"] = [_plain(one, device) for one in bindings]
        geometry = {"type": "Point", "coordinates": list(point)}
        self._save([*self._features(), {"type": "Feature", "properties": properties, "geometry": geometry}])

    def move(self, device: str, *, at: Point | None, beat: str) -> str:
        """Put a device to another place, and return the beat that it is in then. Raises `CommandError`."""
        features = self._features()
        feature = self._feature(features, device)
        beat, point = self._where(beat, at)
        feature["properties"]["beat"] = beat
        feature["properties"].pop(EXPLAINED, None)
        feature["geometry"] = {"type": "Point", "coordinates": list(point)}
        self._save(features)
        return beat

    def rename(self, device: str, names: Mapping[str, str]) -> None:
        """Say what people call a device, by language. Raises `CommandError`."""
        said = {language: name.strip() for language, name in names.items() if name.strip()}
        if not said:
            raise CommandError(f"device {device!r} needs a name, in one language at least", 2)
        features = self._features()
        self._feature(features, device)["properties"]["name"] = said
        self._save(features)

    def bind(self, device: str, binding: Binding) -> None:
        """Bind one more thing that speaks to a device that is there. Raises `CommandError`."""
        features = self._features()
        said = self._feature(features, device)["properties"]
        said["bindings"] = [*said.get("bindings", []), _plain(binding, device)]
        self._save(features)

    def remove(self, device: str) -> None:
        """Take a device out. Raises `CommandError`."""
        features = self._features()
        features.remove(self._feature(features, device))
        self._save(features)

    def _features(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = copy.deepcopy(self._document["features"])
        return found

    def _feature(self, features: list[dict[str, Any]], device: str) -> dict[str, Any]:
        for one in features:
            if one["properties"].get("kind") == "device" and one["properties"].get("id") == device:
                return one
        raise CommandError(f"there is no device {device!r} in {self.path}; `patrolgrid device list` shows who there is")

    def _where(self, beat: str, at: Point | None) -> tuple[str, Point]:
        """Return a beat, and a point in it: the one that is meant, or the middle where only a beat is known."""
        beats = self.places.beats
        shown = ", ".join(sorted(beats)) or "none"
        if beat and beat not in beats:
            beat = next((one.id for one in beats.values() if beat in one.name.values()), beat)
        if beat and beat not in beats:
            raise CommandError(f"beat is {beat!r}, which is not there; beats are {shown}", 2)
        if at is not None:
            found = beat or beat_at(beats.values(), at)
            if found is None:
                raise CommandError(f"{at[0]:g},{at[1]:g} lies in no beat; name its beat, one of {shown}", 2)
            return found, at
        if not beat:
            raise CommandError(
                "where is it? expected a position (--at LON,LAT), or a beat for the middle of it (--beat ID)", 2
            )
        ring = list(dict.fromkeys(beats[beat].polygon))
        lon, lat = (round(sum(point[axis] for point in ring) / len(ring), 6) for axis in (0, 1))
        return beat, (lon, lat) if beat_at([beats[beat]], (lon, lat)) else ring[0]

    def _save(self, features: list[dict[str, Any]]) -> None:
        content = dump({**self._document, "features": features})
        self.places = self._checked(content)
        replace_file(self.path.with_name(BEFORE), self._content)
        replace_file(self.path, content)
        self._content, self._document = content, {**self._document, "features": features}

    def _checked(self, content: bytes) -> Places:
        check = check_places
        places, found = find_all(content, str(self.path), lambda one: check(one, self._settings, self.path))
        wrong = [one.error for one in found if not one.code]
        if places is None or wrong:
            raise CommandError(f"{wrong[0]} (`patrolgrid places check` shows all)")
        return places


def _plain(binding: Binding, device: str) -> dict[str, Any]:
    """Return a binding as it stands in a places file, where whose it is goes without saying."""
    found: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(binding, device=device))
    del found["device"]
    return found
