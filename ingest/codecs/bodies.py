"""Bodies as cameras send them: text in UTF-8 or GBK, XML that is not quite one, multipart with pictures between.

Everything has a limit that is looked at before anything is parsed; pictures are passed over where they lie. XML comes
out as the same objects that JSON has, with names in lower-case letters and without namespaces: vendors send the same
message both ways, and write its names differently from one firmware to the next.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from ingest.codecs.codec import Json
from ingest.codecs.lenient import UnreadableError, text_of
from ingest.vocabulary import Reason

_MOST_TEXT: Final = 256 << 10
_MOST_XML: Final = 128 << 10
_MOST_TAGS: Final = 4_000
_DEEPEST: Final = 24
_MOST_PARTS: Final = 64
_CHARSET: Final = re.compile(r"(?:charset|encoding)\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r"boundary\s{0,4}=\s{0,4}(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_FIRST_LINE: Final = re.compile(rb"--([^\r\n]{1,200})(\r?)\n")
_BARE: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_PREFIX: Final = re.compile(r"(</?)[A-Za-z][A-Za-z0-9_.-]{0,30}:(?=[A-Za-z])")
_PREFIXED: Final = re.compile(r"\s[A-Za-z][A-Za-z0-9_.-]{0,30}:[A-Za-z]{1,40}=\"[^\"<>]{0,300}\"")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PICTURE_NAME: Final = re.compile(r"\.(?:jpe?g|png|bmp|gif|mp4|avi|ps)\b", re.IGNORECASE)
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"RIFF", b"\0\0\0")


class Part(NamedTuple):
    """A text among those of a body."""

    content: bytes
    content_type: str = ""


def charset_of(content_type: str) -> str:
    """Return the charset that a content type names, which may stand in quotation marks; empty for none."""
    found = _CHARSET.search(content_type[:1_000])
    return found[1] if found else ""


def parts_of(payload: bytes, content_type: str = "") -> Iterator[Part]:
    """Yield the texts of a body, pictures left out: of multipart each part's, else the body itself.

    The boundary is the header's where the body has it, else that of the body's first line. A part's length is not gone
    by: it is often wrong. A stream has no last boundary. Raises `UnreadableError` for more than 64 parts.
    """
    found = _BOUNDARY.search(content_type[:1_000]) if content_type.lower().startswith("multipart/") else None
    boundary, at = (found[1] or found[2]).encode("latin-1", "replace") if found else b"", -1
    line = _FIRST_LINE.match(payload.lstrip(b"\r\n \t")[:210])
    if line and boundary and line[1].startswith(boundary + b" "):
        boundary = line[1].rstrip()  # a blank in it, without quotation marks around
    if boundary:
        at = payload.find(b"--" + boundary)
        if at < 0 and boundary.startswith(b"--"):  # it is given with the marks that go before it
            boundary = boundary.removeprefix(b"--")
            at = payload.find(b"--" + boundary)
    if at < 0 and line:
        boundary = line[1].rstrip()
        at = payload.find(b"--" + boundary)
    if at < 0:
        if not payload.startswith(_PICTURES):
            yield Part(payload, content_type)
        return
    if payload.count(b"--" + boundary) > _MOST_PARTS + 1:
        raise UnreadableError(Reason.SIZE, f"more than {_MOST_PARTS} parts")
    payload = payload[at:]
    end = payload.find(b"\n")
    head = payload[: payload.find(b"<", 0, 2_000)]
    if (end > 0 and payload[end - 1 : end] != b"\r") or b"\n\n" in head:
        # Lines end without CR, all or some: pictures, which this spoils, are passed over.
        payload = payload.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield from _Reader(boundary).parts(payload)


class _Reader:
    """Collects the texts among the parts of one body."""

    def __init__(self, boundary: bytes) -> None:
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
            max_header_count=32,
            max_header_size=8 << 10,
        )
        self._found: list[Part] = []
        self._begin()

    def parts(self, payload: bytes) -> list[Part]:
        """Return the texts; those before a place that cannot be read where there is one."""
        try:
            self._parser.write(payload)
        except FormParserError:
            if not self._found and not self._content:
                raise UnreadableError(
                    Reason.TYPE, "multipart that cannot be read, expected parts with headers"
                ) from None
        self._end()
        return self._found

    def _begin(self) -> None:
        self._name, self._said, self._type, self._picture = b"", b"", "", False
        self._content = bytearray()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._said += data[start:end]

    def _header(self) -> None:
        name, said = self._name.lower(), self._said.decode("latin-1")
        if name == b"content-type":
            self._type = said
            self._picture |= said.lower().lstrip().startswith(("image/", "video/", "audio/"))
        elif name == b"content-disposition":
            self._picture |= _PICTURE_NAME.search(said) is not None
        self._name, self._said = b"", b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._picture:
            return
        if not self._content and data[start : start + 4].startswith(_PICTURES):
            self._picture = True
            return
        if len(self._content) + end - start > _MOST_TEXT:
            raise UnreadableError(Reason.SIZE, f"a part with more than {_MOST_TEXT} bytes of text")
        self._content += data[start:end]

    def _end(self) -> None:
        if self._content.strip(b"\0 \t\r\n"):
            self._found.append(Part(bytes(self._content), self._type))
        self._begin()


def read_xml(raw: bytes, charset: str = "") -> dict[str, Json]:
    """Return what the root of an XML text holds: lower-case name → text, object, or list of them where it repeats.

    Attributes and namespaces are left out. A bare ``&`` and control characters, which cameras have in their names, are
    mended. Raises `UnreadableError` for what is no XML, has a document type or entities, or is too large or too deep.
    """
    if len(raw) > _MOST_XML or raw.count(b"<") > _MOST_TAGS:
        limit = f"at most {_MOST_XML} bytes and {_MOST_TAGS} tags are read"
        raise UnreadableError(Reason.SIZE, f"XML of {len(raw)} bytes: {limit}")
    declared = charset or charset_of(raw[:200].decode("latin-1").partition("?>")[0])
    text = _CONTROL.sub("", text_of(raw, declared)).strip("\ufeff \t\r\n")
    text = _BARE.sub("&amp;", text)
    if "xmlns:" not in text:  # prefixes that nothing explains, which expat refuses
        text = _PREFIX.sub(r"\1", _PREFIXED.sub("", text))
    try:
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise UnreadableError(Reason.XML, "XML with a document type or entities, which is never read") from None
    except ParseError as error:
        line, column = error.position
        raise UnreadableError(Reason.XML, f"no XML, or it breaks off, at line {line}, column {column}") from None
    except ValueError:
        raise UnreadableError(Reason.XML, "no XML that can be read") from None
    found = _tree(root, 0)
    return found if isinstance(found, dict) else {}


def _tree(element: Json, depth: int) -> Json:
    if depth > _DEEPEST:
        raise UnreadableError(Reason.XML, f"XML nested more than {_DEEPEST} deep")
    if not len(element):
        return (element.text or "").strip()
    found: dict[str, Json] = {}
    for child in element:
        name = child.tag.rpartition("}")[2].lower()
        value = _tree(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def lowered(value: Json, depth: int = 0) -> Json:
    """Return JSON with its names in lower-case letters. Raises `UnreadableError` for what is too deep."""
    if depth > _DEEPEST:
        raise UnreadableError(Reason.DEPTH, f"nested more than {_DEEPEST} deep")
    if isinstance(value, dict):
        return {name.lower(): lowered(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [lowered(one, depth + 1) for one in value]
    return value


def names_in(value: Json) -> Iterator[str]:
    """Yield the names of everything that holds something, at every depth."""
    if isinstance(value, dict):
        for name, one in value.items():
            if one not in ("", None, [], {}):
                yield name
                yield from names_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from names_in(one)


def inside(value: Json, *path: str) -> Json:
    """Return what stands at a path of names; None where it ends before. Of a list it is the first one's."""
    for name in path:
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Json) -> list[dict[str, Json]]:
    """Return the objects in what may be one, or a list of them.

    >>> objects({"a": 1}), objects([{"a": 1}, 2]), objects("")
    ([{'a': 1}], [{'a': 1}], [])
    """
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
