"""The help of every command fits a terminal of eighty columns, and its examples are true: their parsers take them."""

import re
import shlex
from collections.abc import Iterator

import pytest

from console.cli.main import _EXAMPLES, COMMANDS, _module, _parser, main
from console.cli.parser import block_parts
from console.width import cells

_SHELL = {"|", ">", ">>", "&&", ";"}
_VARIABLE = re.compile(r"[A-Z_]{1,60}=")


def examples(command: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `patrolgrid` in a command's examples."""
    lines = [kept for kept, _ in block_parts(_module(command).EXAMPLES if command else _EXAMPLES) if kept.strip()]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line.strip(), comments=True), "|"]:
            if word not in _SHELL:
                words.append(word)
                continue
            while words and _VARIABLE.match(words[0]):
                del words[0]
            if words[:1] == ["patrolgrid"]:
                yield words[1:]
            words = []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_example_can_be_typed_as_it_stands(command, capsys):
    found = list(examples(command))
    assert found, "a command without an example"
    for arguments in found:
        if any(word.startswith("<") for word in arguments):
            continue
        try:
            options = _parser(arguments, lambda: "en").parse_args(arguments)
        except SystemExit:
            pytest.fail(f"patrolgrid {' '.join(arguments)}: {capsys.readouterr().err}")
        assert options.command == arguments[0]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal_of_eighty_columns(command, language, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATROLGRID_LANG", language)
    with pytest.raises(SystemExit, match="0"):
        main([*([command] if command else []), "--help"])
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if cells(line) > 80] == []
    assert "patrolgrid" in said


def test_a_long_command_goes_on_after_a_backslash_and_stays_the_same(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATROLGRID_LANG", "en")
    with pytest.raises(SystemExit, match="0"):
        main(["demo", "--help"])
    said = capsys.readouterr().out
    assert "--seed 7 \\\n      --report out.json" in said
    assert [
        "demo",
        *["--headless", "--duration", "60", "--speed", "60", "--seed", "7", "--report", "out.json"],
    ] in list(examples("demo"))
    assert "  # in real time\n  patrolgrid demo --speed 1\n" in said
    monkeypatch.setenv("COLUMNS", "140")
    with pytest.raises(SystemExit, match="0"):
        main(["demo", "--help"])
    assert "  patrolgrid demo --speed 1                              in real time\n" in capsys.readouterr().out
