"""What a check says: a verdict, the codes of its sentences, and the values in them."""

from typing import Any, Final, Literal, NamedTuple

from stream.sentences.catalogue import Sentences

Verdict = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """What one check found, in words."""

    id: str
    state: Verdict
    name: str
    text: str
    todo: str = ""


class Finding(NamedTuple):
    """What one check found: the codes of its sentences below ``doctor-ID-``, and the values for both."""

    state: Verdict
    code: str
    """Empty where the value `error` is the sentence."""
    values: dict[str, Any]
    todo: str = ""


_WORST: Final = ("fail", "warn", "ok")


def ok(code: str, **values: object) -> Finding:
    """Return that all is well."""
    return Finding("ok", code, values)


def warn(code: str, todo: str, **values: object) -> Finding:
    """Return something that works, and should not stay so."""
    return Finding("warn", code, values, todo)


def fail(code: str, todo: str, **values: object) -> Finding:
    """Return something that does not work."""
    return Finding("fail", code, values, todo)


def or_ok(found: list[Finding], code: str, **values: object) -> list[Finding]:
    """Return what was found, the worst first, or that all is well where nothing was."""
    return sorted(found, key=lambda one: _WORST.index(one.state)) or [ok(code, **values)]


def print_checks(texts: Sentences, checks: list[Check]) -> None:
    """Print what was found, a line each, and below it what to do."""
    for check in checks:
        print(f"{texts(f'doctor-{check.state}'):<6}{check.name}: {check.text}")
        if check.todo:
            print(f"      {texts('doctor-todo', text=check.todo)}")


def in_words(texts: Sentences, name: str, found: Finding) -> Check:
    """Return a finding of the check called so as people read it."""
    text = (
        texts(f"doctor-{name}-{found.code}", **found.values) if found.code else texts.told(str(found.values["error"]))
    )
    todo = texts(f"doctor-{name}-{found.todo}", **found.values) if found.todo else ""
    return Check(name, found.state, texts(f"doctor-{name}"), text, todo)
