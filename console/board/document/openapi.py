"""The document that describes the API (OpenAPI 3.1), made of its declared operations."""

import ast
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from types import NoneType
from typing import Any, Final

import msgspec

from console.board.document.plain_answers import ErrorAnswer
from console.board.operations import Operation, Since, Until
from console.board.who import OPEN
from ingest.observations import LATEST_MS
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES
from stream.sentences.plain import plain

VERSION: Final = "1"
"""Of the API: raised where something that was there is no more, or is another thing."""
_NAMES: Final = re.compile(r"\{(\w{1,40})(:int)?\}")
_WORDS: Final = re.compile(r"[a-z]{1,40}")
_RESULTS: Final = frozenset({"incidents", "anomalies", "windows", "hotspots"})
_REFERENCE: Final = "#/components/schemas/{name}"
_ALL: Final = ("422 unknown_parameter", "503 no_store", "503 people", "503 store")
_WITH_BODY: Final = ("413 too_long", "415 not_json", "422 bad_body")
_WITH_RIGHT: Final = ("401 signed_out", "403 no_right")
_TEXT: Final = {"type": "string", "minLength": 1}
_NUMBER: Final = {"type": "integer", "minimum": 0}
Document = dict[str, Any]


def openapi(operations: Sequence[Operation], language: str) -> Document:
    """Return the document of operations, with what is said of them and of their parameters in a language."""
    types = _Types(operations)
    paths: dict[str, Document] = {}
    tags = Counter(map(_tag, operations))
    for one in operations:
        path = _NAMES.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, path, types, language)
        paths[path][one.method.lower()]["tags"] = [_tag(one) if tags[_tag(one)] > 1 else "site"]
    session = {"type": "apiKey", "in": "cookie", "name": "patrolgrid-session"}
    bearer = {"type": "http", "scheme": "bearer", "description": Sentences(language)("api-bearer")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "PatrolGrid", "version": VERSION, "description": Sentences(language)("api-about")},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": types.components, "securitySchemes": {"session": session, "bearer": bearer}},
    }


def _tag(one: Operation) -> str:
    """Return what an operation is about: the first word of its path, or what it has in common with others."""
    word = one.path.removeprefix("/api/").strip("/").partition("/")[0].partition(".")[0]
    return "results" if word in _RESULTS else word


class _Types:
    """The schemas of all types that operations name."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        kinds: list[Any] = [ErrorAnswer]
        for one in operations:
            kinds += [kind for kind in (one.answer, one.body) if kind is not None]
            kinds += [field.type for field in msgspec.structs.fields(one.query)]
        made, self.components = msgspec.json.schema_components(kinds, schema_hook=_time, ref_template=_REFERENCE)
        self._schemas = list(zip(kinds, made, strict=True))
        told = {found.__name__: _told(found) for kind in kinds for found in _classes(kind)}
        for schema in self.components.values():
            for name, text in told.get(schema.get("title", ""), {}).items():
                if name in schema.get("properties", {}):
                    schema["properties"][name] = {**schema["properties"][name], "description": text}

    def of(self, kind: object) -> Document:
        """Return the schema of a type, or of nothing in particular."""
        return next((schema for known, schema in self._schemas if known is kind or known == kind), {})


def _operation(one: Operation, path: str, types: _Types, language: str) -> Document:
    parameters: list[Document] = [
        {"name": name, "in": "path", "required": True, "schema": _NUMBER if number else _TEXT}
        for name, number in _NAMES.findall(one.path)
    ]
    parameters += [_parameter(field, types, language) for field in msgspec.structs.fields(one.query)]
    said = Sentences(language)
    parameters.append(
        {
            "name": "lang",
            "in": "query",
            "description": said("api-lang"),
            "schema": {"type": "string", "examples": list(LANGUAGES)},
        }
    )
    if one.method != "GET":
        schema = {"type": "string", "examples": ["1"]}
        parameters.append({"name": "X-PatrolGrid", "in": "header", "required": True, "schema": schema})
    found: Document = {
        "operationId": "_".join([one.method.lower(), *_WORDS.findall(path.removeprefix("/api"))]),
        "summary": plain(one.says, language),
        "parameters": parameters,
        "responses": _responses(one, types),
        "security": [] if one.path in OPEN else [{"bearer": []}, {"session": []}],
    }
    if one.right is not None:
        found["x-right"] = one.right
    if one.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": types.of(one.body)}}}
    elif one.uploads:
        found["requestBody"] = {"required": True, "content": {media: {} for media in one.uploads}}
    return found


def _parameter(field: msgspec.structs.FieldInfo, types: _Types, language: str) -> Document:
    schema = dict(types.of(field.type))
    description = schema.pop("description", "")
    found: Document = {"name": field.encode_name, "in": "query", "schema": schema}
    if description:
        found["description"] = plain(description, language)
    if field.default not in (msgspec.NODEFAULT, None, (), ""):
        schema["default"] = field.default
    if "anyOf" in schema:  # a parameter that is not given is none
        schema["anyOf"] = [one for one in schema["anyOf"] if one != {"type": "null"}]
        if len(schema["anyOf"]) == 1:
            found["schema"] = schema["anyOf"][0]
    return found


def _responses(one: Operation, types: _Types) -> Document:
    answer = types.of(one.answer) if one.answer is not None else {}
    responses: Document = {str(one.status): {"description": "", "content": {one.media: {"schema": answer}}}}
    words = {*one.errors, *_ALL}
    if one.query.__struct_fields__:
        words |= {"422 bad_parameter", "422 repeated_parameter"}
    if ":int}" in one.path:
        words.add("404 not_found")
    if one.path not in OPEN:
        words |= {*_WITH_RIGHT}
    if one.body is not None:
        words |= {*_WITH_BODY}
    if one.method != "GET":
        words.add("403 foreign")
    for status in sorted({word.partition(" ")[0] for word in words}):
        told = ", ".join(sorted(word.partition(" ")[2] for word in words if word.startswith(status)))
        content = {"application/json": {"schema": types.of(ErrorAnswer)}}
        if status in one.also:
            content = {one.media: {"schema": {"anyOf": [answer, types.of(ErrorAnswer)]}}}
        responses[status] = {"description": told, "content": content}
    return responses


def _time(kind: type) -> Document:
    if kind in (Since, Until):
        return {
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": 0, "maximum": LATEST_MS},
            ]
        }
    raise NotImplementedError


def _classes(kind: object) -> Iterator[type]:
    """Yield the classes that a type is made of."""
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    seen: set[type] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple | list):
            waiting += one
        elif isinstance(one, msgspec.inspect.Type | msgspec.inspect.Field):
            cls = getattr(one, "cls", NoneType)
            if cls not in seen:
                waiting += [getattr(one, name) for name in one.__struct_fields__]
                if cls is not NoneType:
                    seen.add(cls)
                    yield cls


def _told(kind: type) -> dict[str, str]:
    """Return a class's field → what its source says of it in the line below it."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _said_in(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _said_in(module: str) -> dict[str, dict[str, str]]:
    """Return the same of all classes of a module; nothing where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for one in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, below in pairwise(one.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found.setdefault(one.name, {})[name] = " ".join(text.split())
    return found
