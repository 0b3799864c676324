"""Changes of the places file in words, for the command and the board."""

from typing import Final

import msgspec

from ingest.places.patches import Key
from ingest.places.places_book import PlacesChange
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
