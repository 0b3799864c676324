"""A picture under the map: what is taken for one, and what is wrong with where it lies."""

from __future__ import annotations

import copy
import struct
import zlib
from typing import Any

import pytest

from ingest.places import PlacesError, parse_places
from ingest.places.background import Background, picture_of
from tests.ingest.test_places import GOOD

LAID: dict[str, Any] = {
    "image": "0123456789abcdef.png",
    "corners": [[121.0, 31.1], [121.1, 31.1], [121.1, 31.0], [121.0, 31.0]],
    "opacity": 0.5,
}


def png(width=30, height=20):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + b"\x80\xa0\xc0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(width, height):
    exif = b"\xff\xe1" + struct.pack(">H", 10) + b"Exif\0\0\xff\xc0"
    size = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + bytes(3)
    return b"\xff\xd8" + exif + b"\xff" + size + b"\xff\xda\0\2"


def webp(kind, body):
    return b"RIFF" + struct.pack("<I", len(body) + 12) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (png(300, 200), ("png", 300, 200)),
        (jpeg(4000, 3000), ("jpg", 4000, 3000)),
        (webp(b"VP8X", bytes(4) + b"\x2b\x01\0\xc7\0\0"), ("webp", 300, 200)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 299 | 199 << 14)), ("webp", 300, 200)),
        (webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 300, 200)), ("webp", 300, 200)),
    ],
)
def test_a_picture_is_known_by_its_bytes(content, found):
    assert picture_of(content) == found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no picture"),
        (b"GIF89a" + bytes(20), "no picture"),
        (png()[:18], "no picture"),
        (jpeg(10, 10)[:12], "no picture"),
        (b"\xff\xd8\xff" + b"\xff" * 5000, "no picture"),
        (webp(b"VP8L", b"\x2f"), "no picture"),
        (png(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 0, 1)), "0 × 1"),
        (png(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 12_001, 1)), "at most 12000"),
        (png(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 9_000, 9_000)), "in all"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(content, why):
    with pytest.raises(ValueError, match=why):
        picture_of(content)


def test_the_places_file_says_where_a_picture_lies():
    places = parse_places(GOOD | {"background": LAID})
    assert places.background == Background(
        LAID["image"], ((121.0, 31.1), (121.1, 31.1), (121.1, 31.0), (121.0, 31.0)), 0.5, shown=True
    )
    assert parse_places(GOOD | {"background": None}).background is None


@pytest.mark.parametrize(
    "wrong",
    [
        "plan.png", {}, {"image": "../people.db"}, {"image": "0123456789abcdef.svg"}, {"corners": [[0, 0]] * 3},
        {"corners": [[0, 0], [1, 0], [1, "1"], [0, 1]]}, {"corners": [[0, 91]] * 4}, {"opacity": 2}, {"opacity": True},
    ],
)  # fmt: skip
def test_a_picture_that_lies_nowhere_is_refused(wrong):
    document = copy.deepcopy(GOOD)
    document["background"] = LAID | wrong if isinstance(wrong, dict) and wrong else wrong
    with pytest.raises(PlacesError, match="'background' has"):
        parse_places(document)
    faults: list[PlacesError] = []
    assert parse_places(document, faults=faults).beats
    assert len(faults) == 1
