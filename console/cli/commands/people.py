"""``patrolgrid people``: a site's accounts, and the links by which people set a password or work with a phone."""

import argparse
import getpass
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import segno

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    safe,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from console.people.people import People, Person
from console.people.rights import ROLES, Purpose, Right
from console.people.tokens import Tokens
from deploy.settings import Settings
from ingest.days.patrol_settings import roster_of
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES, one_script

EXAMPLES: Final = """\
examples:
  patrolgrid people add wang 王磊 --role duty             an account, and a link by which Wang sets a password
  patrolgrid people add p1 李伟 --role patrol --officer p1
  patrolgrid people link p1                              a link for a patrol's phone, as text and QR code; 14 hours
  patrolgrid people link wang --for password             a new password for somebody who has lost it
  patrolgrid people change wang --role chief
  patrolgrid people revoke wang                          out of use; `change wang --active` brings the account back
  patrolgrid people revoke 0aVxYq2TwZ4b                  one link, or one token, opens nothing more
  patrolgrid people token sun --scope alerts,hotspots --valid 30d --name notebook
  patrolgrid people list

The first account closes the board: from then on nobody sees anything without one (docs/security.md).
"""
_HOURS: Final[dict[Purpose, float]] = {"patrol": 14.0, "password": 24.0}
"""For how long a link opens something, by what it is for."""
_MOST_HOURS: Final = 24 * 366
_VALID: Final = re.compile(r"([0-9]{1,5})([hd])")
_SUMMARIES: Final = {
    "add": "make an account, and a link that sets its password",
    "change": "change an account",
    "link": "make a link that stands for a person",
    "token": "make a token by which a program asks the board for a person",
    "revoke": "end an account, a link or a token, with all that is open by it",
    "list": "show accounts, and the links and tokens that are open",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions, children = parser.add_subparsers(dest="action", required=True, metavar="ACTION"), {}
    for name, summary in _SUMMARIES.items():
        children[name] = actions.add_parser(name, help=summary, description=summary.capitalize() + ".")
        add_settings_arguments(children[name], site=True)
    added, changed, made = children["add"], children["change"], children["link"]
    added.add_argument("id", metavar="ID", help="what is typed to sign in, such as wang")
    added.add_argument("name", metavar="NAME", help="what people read")
    added.add_argument("--role", choices=list(ROLES), required=True, help="what the person may do: docs/security.md")
    _about(added)
    added.add_argument("--password-file", metavar="FILE", help="take the password from a file's first line; - is input")
    _link(added)
    changed.add_argument("id", metavar="ID")
    changed.add_argument("--name", metavar="NAME")
    changed.add_argument("--role", choices=list(ROLES))
    _about(changed)
    changed.add_argument("--active", action="store_true", help="bring an account back that was revoked")
    made.add_argument("id", metavar="ID")
    made.add_argument("--for", dest="purpose", choices=list(_HOURS), default="patrol", help="default: patrol")
    made.add_argument("--hours", type=float, metavar="N", help="how long it opens something (default: 14, password 24)")
    _link(made)
    token = children["token"]
    token.add_argument("id", metavar="ID")
    token.add_argument("--scope", required=True, metavar="RIGHT,...", help="some of what the person's role may do")
    token.add_argument("--valid", default="30d", metavar="TIME", help="such as 12h or 30d, at most 366d (default: 30d)")
    token.add_argument("--name", default="", metavar="TEXT", help="what it is for")
    children["revoke"].add_argument("what", metavar="ID|LINK|TOKEN", help="as `patrolgrid people list` shows them")
    children["list"].add_argument("--json", action="store_true", help="print JSON")


def _about(child: argparse.ArgumentParser) -> None:
    child.add_argument("--language", choices=LANGUAGES, help="of pages and messages (default: the site's)")
    child.add_argument("--officer", metavar="ID", help="the officer of the settings (patrol.officers) that this is")
    child.add_argument(
        "--address",
        action="append",
        metavar="CHANNEL=TEXT",
        help="how a channel names the person; CHANNEL= takes it away",
    )


def _link(child: argparse.ArgumentParser) -> None:
    child.add_argument("--board", metavar="URL", help="the board's address as phones see it (default: as it runs here)")


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Raises `CommandError`, `PeopleError`, `PasswordError`, and StorageError for a damaged file."""
    settings, site = settings_of_site(options, new=True)
    texts, people, by = texts_of(options, settings), People(site.folder), f"cli:{getpass.getuser()}"
    if options.action == "list":
        _list(options, people, texts, site, settings)
        return 0
    with closing(people.file):
        match options.action:
            case "add":
                person = _asked(
                    options, settings, Person(options.id, options.name, options.role, settings.site.language)
                )
                people.add(person, by, "" if options.password_file is None else _password(options.password_file))
                print(texts("people-added", id=person.id, name=safe(person.name)))
                if options.password_file is None:
                    _make_link(options, "password", people, site, texts, by)
            case "change":
                before = people.person(options.id)
                if before is None:
                    raise CommandError(
                        f"there is no person {options.id!r}; `patrolgrid people list` shows who there is"
                    )
                people.change(_asked(options, settings, before), by)
                print(texts("people-changed", id=options.id))
            case "link":
                _make_link(options, options.purpose, people, site, texts, by)
            case "token":
                _make_token(options, people, texts, by)
            case _:
                if not Tokens(people).revoke(options.what, by):
                    people.revoke(options.what, by)
                print(texts("people-revoked", what=safe(options.what)))
    return 0


def _asked(options: argparse.Namespace, settings: Settings, before: Person) -> Person:
    """Return an account with what the options say of it."""
    known = roster_of(settings.patrol).officers
    if options.officer and known and options.officer not in known:
        raise CommandError(
            f"there is no officer {options.officer!r}; known are {', '.join(known)} (patrol.officers)", 2
        )
    addresses = dict(before.addresses)
    for one in options.address or ():
        channel, equals, text = one.partition("=")
        if not equals:
            raise CommandError(f"--address {one!r}: expected CHANNEL=TEXT", 2)
        addresses[channel] = text
    said = {name: getattr(options, name) for name in ("name", "role", "language", "officer")}
    return msgspec.structs.replace(
        before,
        **{name: value for name, value in said.items() if value is not None},
        addresses={channel: text for channel, text in addresses.items() if text},
        active=before.active or getattr(options, "active", False),
    )


def _password(file: str) -> str:
    """Return the password in a file's first line; it never stands in the command itself, which others can see."""
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--password-file {file}: {error}", 2) from error
    first = text.partition("\n")[0].rstrip("\r")
    if not first:
        raise CommandError(f"--password-file {file}: expected a password in its first line", 2)
    return first


def _make_link(
    options: argparse.Namespace, purpose: Purpose, people: People, site: FoundSite, texts: Sentences, by: str
) -> None:
    """Print a link, alone in its line, and its QR code where somebody looks; what is to be known goes to the error."""
    asked = getattr(options, "hours", None)
    hours = _HOURS[purpose] if asked is None else asked
    if not 0 < hours <= _MOST_HOURS:
        raise CommandError(f"--hours {hours:g}: expected more than 0 and at most {_MOST_HOURS}", 2)
    running = site.folder / "board.url"
    board = options.board or (running.read_text(encoding="utf-8").strip() if running.exists() else "")
    url = f"{(board or 'http://127.0.0.1:8060').rstrip('/')}/go#{people.link(options.id, purpose, hours * 3600, by=by)}"
    print(url)
    print(texts(f"people-link-{purpose}", hours=round(hours, 1)), file=sys.stderr)
    if not options.board and any(name in url for name in ("//127.", "//[::1]", "//localhost")):
        print(texts("people-link-here"), file=sys.stderr)
    if sys.stdout.isatty():
        segno.make(url, error="m").terminal(compact=True)


def _make_token(options: argparse.Namespace, people: People, texts: Sentences, by: str) -> None:
    """Print a token, alone in its line and this once; what is to be known goes to the error."""
    found = _VALID.fullmatch(options.valid)
    hours = int(found[1]) * (24 if found[2] == "d" else 1) if found else 0
    if not 0 < hours <= _MOST_HOURS:
        raise CommandError(f"--valid {options.valid!r}: expected hours or days such as 12h or 30d, at most 366d", 2)
    scope = [cast("Right", one.strip()) for one in options.scope.split(",") if one.strip()]
    print(Tokens(people).make(options.id, scope, hours * 3600, options.name, by=by))
    print(texts("people-token", person=safe(options.id), scope=", ".join(scope)), file=sys.stderr)


def _list(options: argparse.Namespace, people: People, texts: Sentences, site: FoundSite, settings: Settings) -> None:
    everybody, links, zone = people.all(), people.links(), site.zone(settings)
    tokens = Tokens(people).all() if everybody else []
    if options.json:
        shown: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in everybody]
        opened = {"links": links, "tokens": tokens}
        print_json({"people": shown, **{name: msgspec.to_builtins(rows) for name, rows in opened.items()}})
        return
    if not everybody:
        print(texts("people-none", site=site.id))
        return
    header = [texts(f"people-col-{one}") for one in ("id", "name", "role", "officer", "state", "addresses")]
    rows = [
        (
            *(one.id, safe(one_script(one.name, texts.language)), texts(f"board-role-{one.role}"), one.officer),
            *(texts("people-active" if one.active else "people-gone"), ", ".join(sorted(one.addresses))),
        )
        for one in everybody
    ]
    print_table(header, rows, indent="")
    if links:
        print()
        header = [texts(f"people-col-{one}") for one in ("link", "id", "purpose", "until")]
        print_table(
            header,
            [(one.id, one.person, texts(f"people-for-{one.purpose}"), local_time(one.ends_ms, zone)) for one in links],
            indent="",
        )
    if tokens:
        print()
        header = [texts(f"people-col-{one}") for one in ("token", "id", "scope", "until", "used", "for")]
        print_table(
            header,
            [
                (
                    *(one.id, one.person, ", ".join(one.scope), local_time(one.ends_ms, zone)),
                    *("-" if one.used_ms is None else local_time(one.used_ms, zone), safe(one.name)),
                )
                for one in tokens
            ],
            indent="",
        )
