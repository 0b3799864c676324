"""The parser of the command line in the reader's language: argparse's own words, too, and lines of Chinese that fit.

Commands write their help in English. It is translated where somebody reads it, so that nothing else takes longer.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Any, Final, NoReturn

from console.width import cells, wrapped
from stream.sentences.plain import pairs, plain

_OPTION: Final = re.compile(r"(?= --| \| | > )")
"""Where a command can be continued on the next line."""


def speaking(language: Callable[[], str]) -> type[argparse.ArgumentParser]:
    """Return the class of parsers whose help and errors are said in the reader's language.

    `language` tells it. It is called when help or an error is printed, and not before.
    """

    def say(text: str) -> str:
        return pairs(language()).get(text, text)

    class Parser(argparse.ArgumentParser):
        """Parsers of commands are of the class of their parent: they speak the same language."""

        def __init__(
            self,
            *,
            prog: str | None = None,
            description: str | None = None,
            epilog: str | None = None,
            add_help: bool = True,
        ) -> None:
            form = partial(_Formatter, say=say)
            super().__init__(prog, None, description, epilog, formatter_class=form, add_help=add_help)

        def error(self, message: str) -> NoReturn:
            """Say what is wrong with the arguments, and end with 2."""
            self.print_usage(sys.stderr)
            self.exit(2, f"{self.prog}: {plain(f'error: {message}', language())}\n")

    return Parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Says what it is given. Prose is filled to the width; indented lines are commands, and stay as they are."""

    def __init__(self, prog: str, *, say: Callable[[str], str]) -> None:
        super().__init__(prog)
        self._say = say

    def add_usage(
        self, usage: str | None, actions: Iterable[Any], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        super().add_usage(usage, actions, groups, self._say("usage: ") if prefix is None else prefix)

    def _format_usage(
        self, usage: str | None, actions: Iterable[Any], groups: Iterable[Any], prefix: str | None
    ) -> str:
        wider = cells(prefix or "") - len(prefix or "")  # argparse counts characters, and Chinese takes two cells
        self._width -= wider
        try:
            return super()._format_usage(usage, actions, groups, prefix)
        finally:
            self._width += wider

    def start_section(self, heading: str | None) -> None:
        super().start_section(heading and self._say(heading))

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help and self._say(action.help)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        parts = [(kept, self._sentence(said) if said else "") for kept, said in block_parts(text)]
        for commands, some in groupby(parts, key=lambda part: bool(part[0])):
            if commands:
                lines += _commands(list(some), width)
            else:
                lines += [line for _, said in some for line in (wrapped(said, width) if said else [""])]
        return "\n".join(indent + line for line in lines)

    def _sentence(self, text: str) -> str:
        """Return prose in the reader's language; a description is known by the summary that it was made of."""
        found = self._say(text)
        if found == text and text[:1].isupper() and text.endswith("."):
            summary = text[0].lower() + text[1:-1]
            spoken = self._say(summary)
            found = text if spoken == summary else spoken + "。"
        return found


def _commands(lines: list[tuple[str, str]], width: int) -> list[str]:
    """Return commands with their comments beside them, or all above them where one does not fit beside."""
    if all(cells(kept + said) <= width for kept, said in lines):
        return [kept + said for kept, said in lines]
    found: list[str] = []
    for kept, said in lines:
        found += [f"  # {line}" for line in wrapped(said, width - 4)]
        found += _continued(kept.rstrip(), width) if kept.strip() != "#" else []
    return found


def _continued(command: str, width: int) -> list[str]:
    """Return a command in lines that fit, to be copied as they are: all but the last end with a backslash."""
    found = [""]
    for piece in _OPTION.split(command):
        if found[-1].strip() and cells(found[-1] + piece) > width - 2:
            found[-1] += " \\"
            found.append("      " + piece.lstrip())
        else:
            found[-1] += piece
    return found


def block_parts(text: str) -> list[tuple[str, str]]:
    """Return the parts of a block of help: what stays as it is, and what is said in the reader's language.

    A paragraph of prose is one part, without its line breaks. An indented line is a command, which stays; what follows
    after two spaces, or a `#`, is its comment.
    """
    found: list[tuple[str, str]] = []
    prose: list[str] = []
    for line in [*text.strip("\n").splitlines(), ""]:
        if line and not line[0].isspace():
            prose.append(line)
            continue
        if prose:
            found.append(("", " ".join(prose)))
            prose = []
        found.append(_commented(line))
    return found[:-1]


def _commented(line: str) -> tuple[str, str]:
    """Return a command with the blanks after it, and its comment."""
    text = line.lstrip()
    if text.startswith("# "):
        said = text[2:]
    else:
        command, _, said = text.partition("  ")
        said = said.lstrip()
        if not command:
            return line, ""
    return (line[: len(line) - len(said)], said) if said else (line, "")
