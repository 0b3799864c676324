"""The demo's people, and the chat group that they are told in: a duty officer and the patrols, with accounts."""

import html
import json
import secrets
import threading
from collections import deque
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self

from console.people.links import KEY_FILE
from console.people.people import People, Person
from console.people.people_file import NAME
from console.people.rights import Role
from deploy.settings import Settings, with_values
from ingest.days.patrol_settings import roster_of
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import accepted, choose_language

DUTY: Final = "duty"
_OTHERS: Final[dict[Role, str]] = {"chief": "Sun Lan 孙岚", "engineer": "Gao Yu 高宇"}
"""Who sees what the duty officer does not: account, which is called as the role is, and name."""
_BY: Final = "cli:demo"
_MOST: Final = 100
_MOST_BYTES: Final = 64 << 10
_CHANNEL: Final = "wecom"
_TELLING: Final = {
    "rota": [f"daily 00:00-24:00 @ {DUTY}: desk"],
    "rules": [f"critical @ on:desk #{_CHANNEL}", f"warning @ #{_CHANNEL}"],
    "remind": ["critical every 10 min"],
    "escalate": ["critical after 15 min @ role:patrol"],
}
"""Who is told in the demo, and who is asked when nobody answers."""
_PAGE: Final = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{margin:0 auto;max-width:560px;padding:16px;background:#ededed;font:17px/1.5 sans-serif}}
p{{padding:10px 14px;border-radius:8px;background:#fff;white-space:pre-wrap;overflow-wrap:anywhere}}</style>
<h1>{title}</h1><p>{note}</p>{messages}</html>"""


def make_people(settings: Settings) -> dict[str, str]:
    """Make the accounts that are not there yet.

    Returns ``id`` and ``password`` of the duty officer, whose is new, and ``others``, who have the same.
    """
    people, password = People(settings.site_dir), f"demo-{secrets.token_hex(5)}"
    language = settings.site.language
    officers = roster_of(settings.patrol).officers
    wanted = [Person(DUTY, "Zhao Min 赵敏", "duty", language, addresses={_CHANNEL: "zhaomin"})]
    wanted += [Person(role, name, role, language) for role, name in _OTHERS.items()]
    wanted += [
        Person(one, name, "patrol", language, officer=one, addresses={_CHANNEL: one}) for one, name in officers.items()
    ]
    with closing(people.file):
        known = {person.id for person in people.all()}
        for person in wanted:
            if person.id not in known:
                people.add(person, _BY)
        for one in (DUTY, *_OTHERS):
            people.set_password(one, password, _BY)
    return {"id": DUTY, "password": password, "others": " ".join(_OTHERS)}


def forget_people(folder: Path) -> None:
    """Take the demo's accounts away, for a board without sign-in."""
    for path in (*folder.glob(f"{NAME}*"), folder / KEY_FILE):
        path.unlink(missing_ok=True)


class FakeChat:
    """A group of a chat program that takes what its bot is sent and shows it on a page; on this machine alone."""

    def __init__(self) -> None:
        self.messages: deque[str] = deque(maxlen=_MOST)
        messages = self.messages

        class Chatter(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                size = int(length) if length.isdecimal() else _MOST_BYTES + 1
                text = _content(self.rfile.read(size)) if size <= _MOST_BYTES else None
                if text is not None:
                    messages.append(text)
                self._answer(b'{"errcode":0,"errmsg":"ok"}' if text is not None else b'{"errcode":40008}')

            def do_GET(self) -> None:
                shown = "".join(f"<p>{html.escape(text)}</p>" for text in reversed(messages))
                language = choose_language(accepted(self.headers.get("Accept-Language", "")))
                says = {name: html.escape(Sentences(language)(f"demo-chat-{name}")) for name in ("title", "note")}
                page = _PAGE.format(language=language, messages=shown, **says)
                self._answer(page.encode(), "text/html; charset=utf-8")

            def _answer(self, body: bytes, kind: str = "application/json") -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Chatter)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="chat", daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def told(self, settings: Settings, *, accounts: bool) -> Settings:
        """Return settings by which the group is told of alerts, with `accounts` also whoever is at the desk in it.

        They are as they were where they tell somebody already.
        """
        if settings.telling.rules or settings.deliver.channels_file is not None:
            return settings
        path = settings.site_dir / "channels.toml"
        path.touch(mode=0o600)
        path.chmod(0o600)
        channel = {"kind": _CHANNEL, "where": "inside", "key": "demo", "base_url": self.url.rstrip("/")}
        lines = [f"[{_CHANNEL}]", *(f"{key} = {json.dumps(value)}" for key, value in channel.items())]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        telling = _TELLING if accounts else {"rules": [f"critical,warning @ #{_CHANNEL}"]}
        return with_values(settings, deliver={"channels_file": path}, telling=telling)


def _content(body: bytes) -> str | None:
    """Return the text of a bot's message, whom it calls in front; None where it is none."""
    try:
        said = json.loads(body)["text"]
        text, called = said["content"], said.get("mentioned_list") or ()
        return " ".join([*(f"@{one}" for one in called), text])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
