"""A site's places: beats, devices, streets and landmarks, from one GeoJSON file.

`site_places` reads and checks it, `places_record` brings it into the log; `places_book` is the one way by which it is
changed, with a journal of who and when, made of `patches`; `place_findings` tells all that is wrong or odd in a file,
by line; `beats_beside` says how beats lie beside each other; `importing` takes devices from a CSV, and anything from a
GeoJSON of another program.
"""

from ingest.places.places_record import PlacesRecord, decode_places, encode_places
from ingest.places.site_places import (
    CLOCK_OFFSET,
    DEVICE_TYPES,
    MOST_OFFSET_S,
    PLATE_TOKENS,
    Beat,
    Device,
    DeviceType,
    Landmark,
    Places,
    PlacesError,
    Point,
    Street,
    load_places,
    parse_places,
    read_places,
)

__all__ = [
    "CLOCK_OFFSET",
    "DEVICE_TYPES",
    "MOST_OFFSET_S",
    "PLATE_TOKENS",
    "Beat",
    "Device",
    "DeviceType",
    "Landmark",
    "Places",
    "PlacesError",
    "PlacesRecord",
    "Point",
    "Street",
    "decode_places",
    "encode_places",
    "importing",
    "load_places",
    "parse_places",
    "place_findings",
    "read_places",
]
