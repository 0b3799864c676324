"""The page that a technician takes along: which device, where it belongs, and what brings it into the station.

One side of A4, in both languages. The QR code is the ticket of a code that works once, as plain text: it is no address,
so no browser, proxy or chat program that looks at it sends it anywhere.
"""

import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

import segno

from ingest.places import Beat, Device
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

_PAGE: Final = Path(__file__).with_name("sheet.html")
_STEPS: Final = ("step-install", "step-claim", "step-run")


class Way(NamedTuple):
    """What brings a device into the station: a ticket's code, or an account that is typed into the device."""

    ticket: str = ""
    code: str = ""
    until: str = ""
    """When the code ends, as people read it."""
    host: str = ""
    port: int = 0
    tls: bool = False
    username: str = ""
    password: str = ""


def device_sheet(device: Device, beat: Beat, site: str, topic: str, way: Way, fingerprint: str, language: str) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    site
        What people call the station.
    topic
        Where the device publishes.
    fingerprint
        Of the station's authority; empty where nothing is encrypted.
    language
        Which of the two comes first.
    """
    texts = [Sentences(one) for one in sorted(LANGUAGES, key=lambda one: one != language)]

    def both(code: str, **values: object) -> str:
        return " · ".join(dict.fromkeys(escape(say(code, **values)) for say in texts))

    def named_in(names: dict[str, str]) -> str:
        return " · ".join(dict.fromkeys(escape(say.pick(names)) for say in texts))

    def named(*codes: str) -> list[str]:
        return [both(f"sheet-{code}") for code in codes]

    heads = named("device", "type", "beat", "position", "broker", "topic", "fingerprint")
    encrypted = "TLS" if way.tls else both("sheet-plain")
    facts = [
        f"<b>{escape(device.id)}</b>", both(f"board-type-{device.type}"), f"{escape(beat.id)} ({named_in(beat.name)})",
        f"{device.lon:.6f}, {device.lat:.6f}", f"{escape(way.host)}:{way.port} ({encrypted})",
        f"<code>{escape(topic)}</code>", f"<code>{escape(fingerprint)}</code>" if fingerprint else "",
    ]  # fmt: skip
    if way.ticket:
        title, how = both("sheet-code"), _by_code(way, both("sheet-until", until=way.until), texts)
    else:
        secrets = (_tag("span", escape(one), "secret") for one in (way.username, way.password))
        title, how = both("sheet-account"), _table(zip(named("username", "password"), secrets, strict=True))
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        language=language,
        device=escape(device.id),
        name=named_in(device.name),
        site=escape(site),
        facts=_table((head, fact) for head, fact in zip(heads, facts, strict=True) if fact),
        title=title,
        how=how,
        by_hand=both("sheet-by-hand"),
        blanks=_table(((head, "") for head in named("installed", "date", "serial")), "blank"),
        away=both("sheet-away"),
    )


def _by_code(way: Way, until: str, texts: Iterable[Sentences]) -> str:
    image = io.BytesIO()
    segno.make(way.ticket, error="m").save(image, kind="svg", scale=5, xmldecl=False, dark="#000", light="#fff")
    steps = "".join(_tag("ol", "".join(_tag("li", escape(say(f"sheet-{step}"))) for step in _STEPS)) for say in texts)
    command = " ".join(("patrolgrid", "edge", "claim", escape(way.ticket)))
    beside = _tag("div", _tag("div", escape(way.code), "secret") + _tag("p", until))
    return _tag("div", image.getvalue().decode() + beside, "way") + steps + _tag("pre", command)


def _table(rows: Iterable[tuple[str, str]], kind: str = "") -> str:
    return _tag("table", "".join(_tag("tr", _tag("td", head) + _tag("td", text)) for head, text in rows), kind)


def _tag(name: str, inner: str, kind: str = "") -> str:
    opened = " ".join((name, f'class="{kind}"')) if kind else name
    return f"<{opened}>{inner}</{name}>"
