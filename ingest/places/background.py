"""A picture under a site's map: the station's own plan, or a photograph from above, where there are no map tiles."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

Corner = tuple[float, float]
"""(lon, lat) in degrees, WGS 84."""
IMAGE_NAME: Final = re.compile(r"[0-9a-f]{16}\.(?:png|jpg|webp)\Z")
"""Of a picture in the site's folder: by its content, so that another one never stands under an old name."""
MOST_BYTES: Final = 16 << 20
_MOST_SIDE: Final = 12_000
_MOST_PIXELS: Final = 60_000_000
"""A browser holds four bytes of each."""
_SIZES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
"""Segments of a JPEG that say how large it is."""


@dataclass(frozen=True, slots=True)
class Background:
    """Where a picture lies."""

    image: str
    """Its name in the site's folder, see `IMAGE_NAME`."""
    corners: tuple[Corner, Corner, Corner, Corner]
    """Where its corners lie: top left, top right, bottom right, bottom left."""
    opacity: float = 0.6
    shown: bool = True
    """Whether the board's map shows it, too; else only whoever edits the places sees it."""


class Picture(NamedTuple):
    """What a file with a picture is."""

    suffix: str
    """As in `IMAGE_NAME`."""
    width: int
    height: int
    """In pixels, as they are stored: a photograph may say that it is to be turned."""


def read_background(value: object) -> Background:
    """Return what ``background`` of a places file says. Raises ValueError with what is wrong."""
    said = value if isinstance(value, dict) else {}
    image, corners, opacity, shown = (said.get(name) for name in ("image", "corners", "opacity", "shown"))
    if not isinstance(image, str) or not IMAGE_NAME.match(image):
        raise ValueError(f"has image {image!r}, expected the name that the board gave it")
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_point(one) for one in corners):
        raise ValueError(f"has corners {corners!r}, expected four [lon, lat] in degrees")
    if not isinstance(opacity, int | float) or isinstance(opacity, bool) or not 0 <= opacity <= 1:
        raise ValueError(f"has opacity {opacity!r}, expected 0 to 1")
    a, b, c, d = ((float(lon), float(lat)) for lon, lat in corners)
    return Background(image, (a, b, c, d), float(opacity), shown is not False)


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in value)
    return numbers and abs(value[0]) <= 180 and abs(value[1]) <= 90


def picture_of(content: bytes) -> Picture:
    """Return what a file is by its first bytes, whatever it is called. Raises ValueError where it is not taken."""
    try:
        found = _png(content) or _webp(content) or _jpeg(content)
    except struct.error:
        found = None
    if found is None:
        raise ValueError("is no picture that can be used, expected PNG, JPEG or WebP")
    if min(found.width, found.height) < 1 or max(found.width, found.height) > _MOST_SIDE:
        raise ValueError(f"has {found.width} × {found.height} pixels, expected at most {_MOST_SIDE} on a side")
    if found.width * found.height > _MOST_PIXELS:
        raise ValueError(f"has {found.width} × {found.height} pixels, expected at most {_MOST_PIXELS:,} in all")
    return found


def _png(content: bytes) -> Picture | None:
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR":
        return None
    return Picture("png", *struct.unpack_from(">II", content, 16))


def _webp(content: bytes) -> Picture | None:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    match content[12:16]:
        case b"VP8X":
            packed = content[24:30] + bytes(6 - len(content[24:30]))
            return Picture("webp", int.from_bytes(packed[:3], "little") + 1, int.from_bytes(packed[3:], "little") + 1)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 21)
            return Picture("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", content, 26)
            return Picture("webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _jpeg(content: bytes) -> Picture | None:
    if content[:3] != b"\xff\xd8\xff":
        return None
    for marker, at in _segments(content):
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return Picture("jpg", width, height)
    return None


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Give the marker of each segment of a JPEG, and where its length stands, up to the picture itself."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xDA:
            return
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # filled up, or without a length
            at += 1 if marker == 0xFF else 2
            continue
        yield marker, at + 2
        at += 2 + max(int.from_bytes(content[at + 2 : at + 4], "big"), 2)
