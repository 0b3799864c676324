"""``patrolgrid edge claim``: a device's account by the code on its sheet, and what the agent needs to use it.

Standard library and base install alone. With the package cryptography (extra seal) the device gets a certificate, for
a key that never leaves this machine; else a password. A device that is in the settings already gets its lines anew.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import secrets
import sys
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from console.errors import CommandError
from ingest.edge.claim import ClaimError, Enrolment, Ticket, claim
from ingest.edge.edge_file import EdgeFile, load_edge_file
from ingest.files import replace_file
from ingest.login import parse_address
from ingest.setup.extras import MissingExtraError, load, version
from stream.sentences.languages import LANGUAGES, language_of

_KEYS: Final = "keys"
_OURS: Final = re.compile(r"[ \t]{0,40}(beat|password_file|tls_cert|tls_key|port|username)[ \t]{0,40}=")
_LONGEST: Final = 200


def add_arguments(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action."""
    child = actions.add_parser("claim", help="get a device's account by the code on its sheet, once")
    child.add_argument(
        "ticket", metavar="TICKET", help="the line of the sheet, or of its QR code; - reads it from input"
    )
    child.add_argument(
        "--config",
        type=Path,
        default=Path("edge.toml"),
        metavar="FILE",
        help="the agent's settings (default: edge.toml)",
    )
    child.add_argument(
        "--folder", default="state", metavar="DIR", help="of a new agent: where it keeps what waits (default: state)"
    )
    child.add_argument("--password", action="store_true", help="a password also where a certificate could be had")
    child.add_argument("--wait-s", type=float, default=30.0, metavar="S", help="for the station's answer (default: 30)")
    child.add_argument("--lang", choices=LANGUAGES, help="language of messages")


def run(options: argparse.Namespace) -> int:
    """Claim, and write what came. Raises `CommandError`, `ClaimError`, ConnectionError."""
    catalogue = load("stream.sentences.catalogue")  # which `edge run` has no room for
    texts, path = catalogue.Sentences(language_of(options.lang)), options.config.resolve()
    text = sys.stdin.readline(_LONGEST) if options.ticket == "-" else options.ticket
    ticket, known = Ticket.parse(text), load_edge_file(path) if path.exists() else None
    if known is not None and known.agent.site != ticket.site:
        raise CommandError(f"{path}: is of the site {known.agent.site!r}, and the code of {ticket.site!r}", 2)
    host = parse_address(ticket.broker)[0]
    if known is not None and _elsewhere(known.broker.host, host):
        raise CommandError(
            f"{path}: [broker] names {known.broker.host!r}, and the code is for {host!r}; correct [broker], or move the"
            " file away, and claim again",
            2,
        )
    keys = path.parent / _KEYS
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    pending = _Pending(keys, ticket.account)
    wants = not options.password and (known is None or known.broker.tls)
    csr = pending.request() if wants else ""
    about = {"host": platform.node(), "system": platform.platform(), "version": version()}
    try:
        given = claim(ticket, csr=csr, about=about, number=pending.number(), timeout_s=options.wait_s)
    except ClaimError:
        pending.end()
        raise
    files = _write_keys(keys, given, pending, first=known is None)
    again = known is not None and any(one.device == given.device for one in known.devices)
    _write_file(path, given, options.folder, files, known)
    pending.end()
    print(texts("edge-claimed", device=given.device, beat=given.beat, broker=f"{given.host}:{given.port}"))
    for file in [*files.values(), path]:
        print(f"  {file}")
    print(texts("edge-claimed-known" if again else "edge-claimed-next", file=str(path)))
    return 0


def _elsewhere(has: str, wanted: str) -> bool:
    """Tell whether a file names another broker, such as the example's. A name may be any address's."""
    try:
        return ip_address(has) != ip_address(wanted)
    except ValueError:
        return False


class _Pending:
    """What has to outlive a crash between the request and the last file: its number, and the key that it is for."""

    def __init__(self, keys: Path, account: str) -> None:
        self._number, self.key = keys / f"{account}.number", keys / f"{account}.key"

    def number(self) -> str:
        """Return the number of the request, that of before where it was not ended."""
        if not self._number.exists():
            replace_file(self._number, secrets.token_hex(16).encode(), mode=0o600)
        return self._number.read_text(encoding="ascii").strip()

    def request(self) -> str:
        """Return a request for a certificate (PEM); empty where the package for it is not there."""
        try:
            x509, ec = load("cryptography.x509"), load("cryptography.hazmat.primitives.asymmetric.ec")
            pem, hashes = (
                load("cryptography.hazmat.primitives.serialization"),
                load("cryptography.hazmat.primitives.hashes"),
            )
        except MissingExtraError:
            return ""
        if not self.key.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            content = made.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
            replace_file(self.key, content, mode=0o600)
        key = pem.load_pem_private_key(self.key.read_bytes(), None)
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        found: str = builder.sign(key, hashes.SHA256()).public_bytes(pem.Encoding.PEM).decode("ascii")
        return found

    def end(self) -> None:
        """Forget it."""
        for file in (self._number, self.key):
            with contextlib.suppress(FileNotFoundError):
                file.unlink()


def _write_keys(keys: Path, given: Enrolment, pending: _Pending, *, first: bool) -> dict[str, Path]:
    """Write what is secret; return the files by their keys in the settings."""
    name, contents = given.device, dict[str, tuple[Path, str]]()
    if given.certificate:
        contents["tls_key"] = keys / f"{name}.key", pending.key.read_text(encoding="ascii")
        contents["tls_cert"] = keys / f"{name}.crt", given.certificate
    else:
        contents["password_file"] = keys / f"{name}.password", f"{given.password}\n"
    if given.ca:
        contents["tls_ca"] = keys / "ca.crt", given.ca
    if given.seal_key:
        contents["seal_key"] = keys / "station.seal", f"{given.seal_key}\n"
    if given.settings_key and first:
        contents["settings_key_file"] = keys / "settings.key", f"{given.settings_key}\n"
    for file, content in contents.values():
        replace_file(file, content.encode(), mode=0o600)
        _hand_over(file, keys.parent)
    _hand_over(keys, keys.parent)
    return {key: file for key, (file, _) in contents.items()}


def _hand_over(path: Path, folder: Path) -> None:
    """Let the group of the agent's folder read what root has written: an agent runs as a user of its own."""
    group = folder.stat().st_gid
    if os.geteuid() == 0 and group != 0:
        os.chown(path, -1, group)
        path.chmod(0o750 if path.is_dir() else 0o640)


def _write_file(path: Path, given: Enrolment, folder: str, files: dict[str, Path], known: EdgeFile | None) -> None:
    """Write the device into the agent's settings, what stands there of it anew."""

    def line(key: str, value: str | int | Path) -> str:
        shown = value.relative_to(path.parent).as_posix() if isinstance(value, Path) else value
        return f"{key} = {json.dumps(shown, ensure_ascii=False)}"

    def filed(*names: str) -> list[str]:
        return [line(name, files[name]) for name in names if name in files]

    own = [line("beat", given.beat), *filed("password_file", "tls_cert", "tls_key")]
    if known is not None and given.port != known.broker.port:  # one for certificates, one for passwords
        own.append(line("port", given.port))
    if known is not None:
        text = with_device(path.read_text(encoding="utf-8-sig"), given.device, own)
        replace_file(path, text.encode(), mode=0o640)
        _hand_over(path, path.parent)
        return
    agent = ["[agent]", line("site", given.site), line("folder", folder), line("device", given.device)]
    agent += filed("seal_key", "settings_key_file")
    broker = ["", "[broker]", line("host", given.host), line("port", given.port), line("tls", given.tls)]
    broker += filed("tls_ca")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = with_device("\n".join([*agent, *broker]), given.device, own)
    replace_file(path, text.encode(), mode=0o640)
    _hand_over(path, path.parent)


def with_device(text: str, device: str, own: list[str]) -> str:
    """Return an agent's settings with these lines for a device: in the place of its old ones, or as one device more.

    Everything else stays, comments too.
    """
    blocks: list[list[str]] = [[]]
    for line in text.rstrip().splitlines():
        if line.lstrip().startswith("["):
            blocks.append([])
        blocks[-1].append(line)
    for block in blocks:
        if _device_in(block) == device:
            kept = [line for line in block if not _OURS.match(line)]
            at = next(at for at, line in enumerate(kept) if line.lstrip().startswith("device")) + 1
            block[:] = [*kept[:at], *own, *kept[at:]]
            break
    else:
        blocks.append(["", "[[devices]]", f"device = {json.dumps(device)}", *own])
    return "\n".join(line for block in blocks for line in block) + "\n"


def _device_in(block: list[str]) -> str:
    """Return the device of a table; empty where it is another table."""
    try:
        return str(tomllib.loads("\n".join(block))["devices"][0]["device"])
    except (tomllib.TOMLDecodeError, LookupError, TypeError):
        return ""
