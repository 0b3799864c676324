"""No pattern repeats without a bound, and each takes a time that grows with the text, not with its square."""

from __future__ import annotations

import ast
import re
import time
from importlib import import_module
from itertools import product
from pathlib import Path

import msgspec
import pytest

from ingest.codecs.native import deeper
from ingest.gateway.plates import Plates

ROOT = Path(__file__).parents[2]
ROOMS = ("ingest", "models", "stream", "simulators", "deploy", "console")
parser, MAXREPEAT = import_module("re._parser"), import_module("re._constants").MAXREPEAT
CALLS = {"compile", "match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split"}


def _patterns() -> dict[str, str | bytes]:
    """Return every pattern of the production code by the place where it stands, with its flags in front."""
    found: dict[str, str | bytes] = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            source = path.read_text()
            if "re." not in source and "pattern=" not in source:
                continue
            names: dict[str, object] = {}
            for node in ast.walk(ast.parse(source)):
                where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if not isinstance(node, ast.Call):
                    continue
                called = ast.unparse(node.func)
                given = [keyword.value for keyword in node.keywords if keyword.arg == "pattern"]
                if called.startswith("re.") and called[3:] in CALLS:
                    given.append(node.args[0])
                for expression in given:
                    if ast.unparse(expression) == "pattern":
                        continue  # a parameter: the pattern stands where it is called
                    if not names:
                        names = _names(path)
                    text = eval(ast.unparse(expression), dict(names))  # noqa: S307 - our own source
                    if isinstance(text, str | bytes):
                        flags = ast.unparse(node)
                        front = "(?s)" * ("DOTALL" in flags) + "(?i)" * ("IGNORECASE" in flags)
                        found[where] = front + text if isinstance(text, str) else front.encode() + text
    return found


def _names(path: Path) -> dict[str, object]:
    """Return what a module's patterns may be made of."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dict(vars(__import__(module, fromlist=["_"]))) | {"path": Path("spool.lines")}


PATTERNS = _patterns()


def _nodes(tree):
    for op, argument in tree:
        yield str(op), argument
        stack = [argument]
        while stack:
            one = stack.pop()
            if isinstance(one, parser.SubPattern):
                yield from _nodes(one)
            elif isinstance(one, list | tuple):
                stack += one


def test_the_patterns_are_found():
    assert {where.split(":")[0] for where in PATTERNS} >= {"ingest/gateway/plates.py", "ingest/events.py"}


@pytest.mark.parametrize("where", PATTERNS)
def test_no_pattern_repeats_without_a_bound(where):
    for op, argument in _nodes(parser.parse(PATTERNS[where])):
        assert "REPEAT" not in op or argument[1] is not MAXREPEAT, f"{PATTERNS[where]!r}: {op} has no upper bound"


def _letters(pattern: str | bytes) -> list[str]:
    """Return characters that the pattern tells apart: its literals, an end of each range, and what it may not know."""
    letters = {" ", "a", "A", "0", '"', "\\", "京", "\n", "="}
    for op, argument in _nodes(parser.parse(pattern)):
        if op == "LITERAL":
            letters.add(chr(argument))
        elif op == "IN":
            letters |= {chr(one[1] if isinstance(one[1], int) else one[1][0]) for one in argument[:3] if one[1]}
    return sorted(letters)[:40]


def _seconds(work, text) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


def _worst(pattern: str | bytes) -> list[str | bytes]:
    """Return texts to be repeated on which a pattern that goes back would go back most: its own letters, in pairs."""
    letters = _letters(pattern)
    pairs = ["".join(pair) for pair in product(letters, repeat=2)]
    texts: list[str] = pairs[:: max(len(pairs) // 60, 1)] + letters
    return [one.encode() for one in texts] if isinstance(pattern, bytes) else list(texts)


@pytest.mark.parametrize("where", PATTERNS)
def test_the_time_of_a_pattern_grows_with_the_text(where):
    pattern = PATTERNS[where]
    search = re.compile(pattern)
    start = "京A" if isinstance(pattern, str) else "京A".encode("gb18030")
    for pump in _worst(pattern):
        small = start + pump * 2_000  # type: ignore[operator]
        large = start + pump * 16_000  # type: ignore[operator]
        once = _seconds(lambda text: search.sub(text[:0], text), small)
        # Eight times the text: eight times the time, where a square takes sixty-four times.
        assert _seconds(lambda text: search.sub(text[:0], text), large) < 24 * once + 0.02, repr(pump)


HOSTILE = {
    "blanks after the head of a plate": "京A" + " " * 60,
    "heads of plates": "京A     ",
    "plates that are not finished": "京A1 2 3 ",
    "names of fields": "lpn",
    "names of fields with blanks": "plate        ",
    "quotes that do not end": 'plate="',
    "backslashes": 'plate="\\',
    "escapes": "\\u4eac",
    "keys": '{"plate":{"',
    "names with a dash": "car-no ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("code", ["utf-8", "gb18030", "utf-16-le"])
def test_hiding_plates_takes_a_time_that_grows_with_the_message(unit, code):
    plates = Plates([("aaaa", b"a" * 32)])
    raw = unit.encode(code)
    plates.hidden_payload(raw)
    small, large = raw * (25_000 // len(raw)), raw * (200_000 // len(raw))
    for text in (large, large[: len(large) // 2] + b'"}'):
        assert _seconds(plates.hidden_payload, text) < 24 * _seconds(plates.hidden_payload, small) + 0.05


def test_one_message_of_blanks_does_not_stop_the_gateway():
    """A quarter of a second is generous; it took an hour."""
    plates = Plates([("aaaa", b"a" * 32)])
    assert _seconds(plates.hidden_payload, "京A".encode() + b" " * 200_000) < 0.25
    assert _seconds(plates.hidden_payload, msgspec.json.encode({"x": "京A" + " " * 200_000})) < 0.25


@pytest.mark.parametrize("unit", [b"[]", b'["', b'"', b"\\", b'\\"', b"[" * 5 + b"]" * 5])
def test_how_deep_brackets_are_is_seen_in_time(unit):
    assert _seconds(lambda raw: deeper(raw, 8), unit * (200_000 // len(unit))) < 0.25
