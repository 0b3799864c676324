"""What the API answers about places, and how it is made of the journal, the findings and an import."""

from typing import Any, TypedDict

from console.devices.changes_told import change_in_words, feature_in_words, finding_in_words
from ingest.places.importing import Brought, Called
from ingest.places.patches import OtherFeature, Patch
from ingest.places.places_book import PlacesBook, Read
from ingest.places.places_journal import PlacesChange
from stream.sentences.catalogue import Sentences

Key = tuple[str, str]


class FindingAnswer(TypedDict):
    """Something that is wrong or odd in the places."""

    wrong: bool
    text: str
    keys: list[Key]
    at: list[float] | None


class Other(TypedDict):
    """A feature that somebody else has changed in the meantime."""

    key: Key
    text: str
    now: dict[str, Any] | None
    by: str
    at_ms: int


class PlacesAnswer(TypedDict):
    """The places file as it is."""

    version: str
    document: dict[str, Any]
    findings: list[FindingAnswer]
    unwritable: str


class TriedAnswer(TypedDict):
    """What the places would be."""

    findings: list[FindingAnswer]
    others: list[Other]


class SavedAnswer(TypedDict):
    """What a change has become."""

    change: int
    version: str
    accounts: list[str]
    trouble: str


class ChangeAnswer(TypedDict):
    """A change of the places."""

    number: int
    at_ms: int
    by: str
    name: str
    what: str
    text: str
    undoes: int
    keys: list[Key]


class ChangesAnswer(TypedDict):
    """Changes, the newest first."""

    changes: list[ChangeAnswer]


class OneChangeAnswer(ChangeAnswer):
    """A change with what it did to each feature."""

    patches: list[Patch]


class BadLine(TypedDict):
    """A row or feature that is not taken."""

    line: int
    text: str


class OtherId(TypedDict):
    """An id that had to be another."""

    line: int
    written: str
    id: str


class ImportAnswer(TypedDict):
    """What a file would bring. Nothing is changed yet."""

    patches: list[Patch]
    added: list[str]
    changed: list[str]
    removed: list[str]
    same: int
    bad: list[BadLine]
    ids: list[OtherId]
    findings: list[FindingAnswer]


class ImageAnswer(TypedDict):
    """A picture that was taken."""

    image: str
    width: int
    height: int


def findings_of(read: Read, book: PlacesBook, texts: Sentences) -> list[FindingAnswer]:
    """Return what is wrong or odd, in words, with what it is about and where that is."""
    found: list[FindingAnswer] = []
    for one in read.findings:
        said = one.values
        names = (("beat", "beat"), ("device", "device"), ("other", "beat"))
        keys = [(kind, str(said[name])) for name, kind in names if said.get(name)]
        at = [said["lon"], said["lat"]] if "lon" in said else None
        found.append({"wrong": not one.code, "text": finding_in_words(book.path, one, texts), "keys": keys, "at": at})
    return found


def other_of(one: OtherFeature, texts: Sentences) -> Other:
    """Return what somebody else has changed."""
    text = feature_in_words(one.key, texts)
    return {"key": one.key, "text": text, "now": one.now, "by": one.by, "at_ms": one.at_ms}


def change_of(one: PlacesChange, names: dict[str, str], texts: Sentences) -> ChangeAnswer:
    """Return a change in words; `names` has what people are called, by their id."""
    return {
        "number": one.number, "at_ms": one.at_ms, "by": one.by, "name": names.get(one.by, one.by), "what": one.what,
        "text": change_in_words(one, texts), "undoes": one.undoes, "keys": one.keys,
    }  # fmt: skip


def import_of(
    found: Brought, patches: list[Patch], findings: list[FindingAnswer], name: str, texts: Sentences
) -> ImportAnswer:
    """Return what a file called `name` would bring."""

    def called(some: list[Called]) -> list[str]:
        return [texts.pick(one) if isinstance(one, dict) else one for one in some]

    merged = found.merged
    return {
        "patches": patches,
        "added": called(merged.added),
        "changed": called(merged.changed),
        "removed": called(merged.gone),
        "same": merged.same,
        "bad": [
            {"line": line, "text": texts.told(why).removeprefix(name).lstrip(":： ")}
            for line, why in sorted(found.faults)
        ],
        "ids": [{"line": line, "written": written, "id": own} for line, written, own in found.renamed],
        "findings": findings,
    }
