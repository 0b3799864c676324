"""What differs between two places files, feature by feature; and such a difference put onto, or taken out of, a third.

A change that somebody made some time ago can so be undone although others have changed the file since, and two people
can change one file at the same time, as long as they do not mean the same part of the same feature.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ingest.places.site_places import PlacesError

Document = dict[str, Any]
"""A places file, decoded."""
Feature = dict[str, Any]
Key = tuple[str, str]
"""What tells a feature from others: its kind, and its id or, where it has none, its name."""
SITE: Final = "site"
"""The kind of what stands beside the features, such as the name of the site; there is one of it, without an id."""


class Patch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one feature."""

    before: Feature | None = None
    """As it was; None where it was not there."""
    after: Feature | None = None
    """As it is; None where it was taken out."""
    at: int = -1
    """Which one of the file's features it is, or was; -1 for behind the last."""

    @property
    def key(self) -> Key:
        """What tells the feature from others: as it is, or was last."""
        return key_of(self.after or self.before or {})

    @property
    def keys(self) -> set[Key]:
        """What it was and is told from others by."""
        return {key_of(one) for one in (self.before, self.after) if one is not None}

    def undone(self) -> "Patch":
        """Return what takes it back."""
        return Patch(self.after, self.before, self.at)


class OtherFeature(NamedTuple):
    """A feature that is other than whoever wants to change it has seen."""

    key: Key
    now: Feature | None
    wanted: Feature | None
    by: str = ""
    """Who has changed it last, as far as that is known."""
    at_ms: int = 0
    """When."""


class PlacesConflictError(PlacesError):
    """Somebody else has changed the same in the meantime. Nothing was written."""

    def __init__(self, differs: Sequence[OtherFeature], version: str = "") -> None:
        shown = ", ".join(sorted({" ".join(one.key).strip() for one in differs}))
        super().__init__(f"changed by somebody else in the meantime: {shown}; look at it, and change it again")
        self.differs = list(differs)
        self.version = version
        """That of the file as it is now."""


def key_of(feature: object) -> Key:
    """Return what tells a feature from others; also of what is none, in a file that is wrong."""
    if not isinstance(feature, dict):
        return "", msgspec.json.encode(feature).decode()
    if feature.get("type") == SITE:
        return SITE, ""
    said = _properties(feature)
    kind = str(said.get("kind"))
    own = said.get("id") if kind in {"beat", "device"} else said.get("name", "")
    return kind, own if isinstance(own, str) else msgspec.json.encode(own, order="sorted").decode()


def differing(before: Document, after: Document) -> list[Patch]:
    """Return what makes one document of another, in the order of the features.

    Features without an id are known by their name; of several with one name, in their order.
    """
    had, has = dict(_numbered(before)), dict(_numbered(after))
    found = []
    for key, (at, feature) in has.items():
        old = had.get(key)
        if old is None or old[1] != feature:
            found.append(Patch(None if old is None else old[1], feature, at))
    gone = [Patch(feature, None, at) for key, (at, feature) in had.items() if key not in has]
    return sorted([*found, *gone], key=lambda one: one.at)


def patched(document: Document, patches: Iterable[Patch]) -> Document:
    """Return a document with patches put onto it; parts of a feature that a patch leaves alone stay as they are.

    What is put in comes last and from the front, so that each feature stands where its patch says, also where several
    that stood together were taken out and come back. Raises `PlacesConflictError` with all that is other than the
    patches expect.
    """
    features = copy.deepcopy(document["features"])
    head = _head(document)
    differs: list[OtherFeature] = []
    for patch in sorted(patches, key=_turn):
        if patch.key[0] == SITE:
            found = _merged(head, patch)
            head = found if isinstance(found, dict) else head
        else:
            found = _put(features, patch)
        if isinstance(found, OtherFeature):
            differs.append(found)
    if differs:
        raise PlacesConflictError(differs)
    return {**_properties(head), "features": features}


def _turn(patch: Patch) -> float:
    """Return when it is a patch's turn."""
    if patch.before is not None:
        return -1.0
    return float(patch.at) if patch.at >= 0 else float("inf")


def _put(features: list[Feature], patch: Patch) -> OtherFeature | Feature | None:
    """Put a patch into the list of features."""
    at = _place(features, patch.before or patch.after or {})
    now = None if at is None else features[at]
    found = _merged(now, patch)
    if isinstance(found, OtherFeature):
        return found
    if at is not None:
        features[at : at + 1] = [] if found is None else [found]
    elif found is not None:
        features.insert(patch.at if 0 <= patch.at <= len(features) else len(features), found)
    return found


def _place(features: list[Feature], wanted: Feature) -> int | None:
    """Return where a feature stands: the very same, else the one that has its id or name."""
    if wanted in features:
        return features.index(wanted)
    key = key_of(wanted)
    return next((at for at, one in enumerate(features) if key_of(one) == key), None)


def _merged(now: Feature | None, patch: Patch) -> OtherFeature | Feature | None:
    """Return a feature with what a patch changes in it."""
    before, after = patch.before, patch.after
    if now in (before, after):
        return copy.deepcopy(after)
    if not (isinstance(before, dict) and isinstance(after, dict) and isinstance(now, dict)):
        return OtherFeature(patch.key, now, after)
    merged = copy.deepcopy(now) | {"properties": copy.deepcopy(_properties(now))}
    for parts, old, new in (
        (merged, before, after),
        (merged["properties"], _properties(before), _properties(after)),
    ):
        for name in old.keys() | new.keys():
            if name == "properties" or old.get(name) == new.get(name) or parts.get(name) == new.get(name):
                continue
            if parts.get(name) != old.get(name):
                return OtherFeature(patch.key, now, after)
            if name in new:
                parts[name] = copy.deepcopy(new[name])
            else:
                del parts[name]
    return merged


def _properties(feature: Feature) -> dict[str, Any]:
    found = feature.get("properties")
    return found if isinstance(found, dict) else {}


def _numbered(document: Document) -> Iterator[tuple[tuple[Key, int], tuple[int, Feature]]]:
    """Give each feature under its key and how many before it have the same, with its place."""
    yield ((SITE, ""), 0), (-1, _head(document))
    seen: dict[Key, int] = {}
    for at, feature in enumerate(document["features"]):
        key = key_of(feature)
        yield (key, seen.get(key, 0)), (at, feature)
        seen[key] = seen.get(key, 0) + 1


def _head(document: Document) -> Feature:
    """Return what stands beside the features, as if it were one."""
    return {"type": SITE, "properties": {name: value for name, value in document.items() if name != "features"}}
