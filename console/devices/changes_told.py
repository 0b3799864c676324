"""Changes of the places file, and what is wrong or odd in it, in words: for the command and the board."""

from pathlib import Path
from typing import Final

import msgspec

from console.common import safe
from ingest.places.patches import Key
from ingest.places.place_findings import PlaceFinding
from ingest.places.places_journal import PlacesChange
from stream.sentences.catalogue import Sentences

_MOST_NAMED: Final = 4


def change_in_words(change: PlacesChange, texts: Sentences) -> str:
    """Return what was done, and to what, in a line."""
    about = change.about
    did = texts("place-change", what=change.what, number=str(change.undoes), file=str(about.get("file", "")))
    named = texts("board-list-comma").join(feature_in_words(key, texts) for key in change.keys[:_MOST_NAMED])
    return texts("place-changed", did=did, features=named, more=max(len(change.keys) - _MOST_NAMED, 0))


def feature_in_words(key: Key, texts: Sentences) -> str:
    """Return a feature as people call it: its kind, and its id or its name in their language."""
    kind, own = key
    if own.startswith("{"):
        own = texts.pick(msgspec.json.decode(own, type=dict[str, str]))
    return texts("place-feature", kind=kind, id=own)


def finding_in_words(path: Path, one: PlaceFinding, texts: Sentences) -> str:
    """Return what is wrong or odd, without the name of the file."""
    if one.code:
        return texts(f"places-odd-{one.code}", **one.values)
    return safe(texts.told(one.error).removeprefix(str(path)).lstrip(":： "))
