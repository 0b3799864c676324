"""The devices of a places file: put in, moved, named, bound, taken out. Each is an entry in the journal of changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from console.errors import CommandError
from deploy.settings import Settings
from deploy.wiring import check_places
from ingest.codecs.bindings import Binding
from ingest.days.patrol_settings import roster_of
from ingest.places import DEVICE_TYPES, Places, PlacesError, Point, parse_places
from ingest.places.importing import Called
from ingest.places.place_findings import ACCOUNTS, EXPLAINED, beat_at
from ingest.places.places_book import PlacesBook
from ingest.topics import ID_PATTERN

Features = list[dict[str, Any]]
_MOST_NAME: Final = 200


class DeviceList:
    """A site's places file, as far as its devices go.

    Parameters
    ----------
    by
        Who changes it: a person's id, or ``cli:USER``.

    Raises
    ------
    CommandError
        For a file that is wrong already; by every method, for what cannot be done.
    OSError
        By every method, where the file or its journal cannot be written.
    """

    def __init__(self, settings: Settings, by: str) -> None:
        self._settings, self._by, self.path = settings, by, settings.places_file
        self._book = PlacesBook(self.path, lambda places: check_places(places, settings, self.path))
        self.places = self._read()

    def add(
        self,
        device: str,
        kind: str,
        *,
        at: Point | None,
        beat: str,
        name: Called = "",
        bindings: Sequence[Binding] = (),
        what: str = "device-add",
    ) -> None:
        """Put a device in."""
        if not ID_PATTERN.match(device):
            raise CommandError(f"{device!r} is no id of a device, expected letters, digits, - and _, at most 48", 2)
        if device in ACCOUNTS or device in roster_of(self._settings.patrol).officers:
            raise CommandError(f"{device!r} is another account at the broker; a device needs an id of its own", 2)
        if kind not in DEVICE_TYPES:
            raise CommandError(f"type is {kind!r}, expected one of {', '.join(DEVICE_TYPES)}", 2)

        def put_in(features: Features, places: Places) -> None:
            if device in places.devices:
                raise CommandError(
                    f"device {device!r} is there already; `patrolgrid device replace` gives it a new account"
                )
            found, point = _where(places, beat, at)
            properties: dict[str, Any] = {
                "kind": "device",
                "id": device,
                "type": kind,
                "beat": found,
                "name": name or device,
            }
            if bindings:
                properties["bindings"] = [_plain(one, device) for one in bindings]
            geometry = {"type": "Point", "coordinates": list(point)}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})

        self._change(put_in, what, device)

    def move(self, device: str, *, at: Point | None, beat: str) -> str:
        """Put a device to another place, and return the beat that it is in then."""

        def move(features: Features, places: Places) -> None:
            feature = self._feature(features, device)
            found, point = _where(places, beat, at)
            feature["properties"]["beat"] = found
            feature["properties"].pop(EXPLAINED, None)
            feature["geometry"] = {"type": "Point", "coordinates": list(point)}

        self._change(move, "device-move", device)
        return self.places.devices[device].beat

    def rename(self, device: str, names: Mapping[str, str]) -> None:
        """Say what people call a device, by language."""
        said = {language: name.strip()[:_MOST_NAME] for language, name in names.items() if name.strip()}
        if not said:
            raise CommandError(f"device {device!r} needs a name, in one language at least", 2)

        def rename(features: Features, _places: Places) -> None:
            self._feature(features, device)["properties"]["name"] = said

        self._change(rename, "device-name", device)

    def bind(self, device: str, binding: Binding) -> None:
        """Bind one more thing that speaks to a device that is there."""

        def bind(features: Features, _places: Places) -> None:
            said = self._feature(features, device)["properties"]
            said["bindings"] = [*said.get("bindings", []), _plain(binding, device)]

        self._change(bind, "device-approve", device)

    def remove(self, device: str, why: str = "") -> None:
        """Take a device out."""
        self._change(lambda features, _: features.remove(self._feature(features, device)), "device-retire", device, why)

    def unwritable(self) -> str:
        """Return why nothing can be changed; empty where it can."""
        return self._book.unwritable()

    def _change(self, edit: Callable[[Features, Places], object], what: str, device: str, why: str = "") -> None:
        def change(document: dict[str, Any]) -> dict[str, Any]:
            edit(document["features"], parse_places(document, str(self.path)))
            return document

        about = {"device": device, "why": why} if why else {"device": device}
        try:
            self._book.change(change, self._by, what, base="", undoes=0, **about)
        except PlacesError as error:
            raise CommandError(f"{error} (`patrolgrid places check` shows all)") from error
        self.places = self._read()

    def _read(self) -> Places:
        try:
            now = self._book.read()
        except PlacesError as error:
            raise CommandError(f"{error} (`patrolgrid places check` shows all)") from error
        if not now.version:
            raise CommandError(f"{self.path}: there is no such file")
        if now.wrong:
            raise CommandError(f"{now.wrong[0]} (`patrolgrid places check` shows all)")
        return now.places

    def _feature(self, features: Features, device: str) -> dict[str, Any]:
        for one in features:
            if one["properties"].get("kind") == "device" and one["properties"].get("id") == device:
                return one
        raise CommandError(f"there is no device {device!r} in {self.path}; `patrolgrid device list` shows who there is")


def _where(places: Places, beat: str, at: Point | None) -> tuple[str, Point]:
    """Return a beat, and a point in it: the one that is meant, or the middle where only a beat is known."""
    beats = places.beats
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


def _plain(binding: Binding, device: str) -> dict[str, Any]:
    """Return a binding as it stands in a places file, where whose it is goes without saying."""
    found: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(binding, device=device))
    del found["device"]
    return found
