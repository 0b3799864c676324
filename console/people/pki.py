"""A site's own certificate authority, and the board's certificate: for phones that reach the board over the network.

What a phone is told to trust can speak for this site alone: the authority's certificate is limited (RFC 5280, 4.2.1.10)
to private addresses, to names that exist in closed networks only, and to the names given when it was made. The board's
certificate lasts thirteen months, as devices of Apple and Google take none of longer than 825 days, and is renewed by
the board itself while the authority's key lies beside it.

Needs the package cryptography, which comes with the extra console.
"""

import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingest.files import make_folder, replace_file

_LOG: Final = logging.getLogger(__name__)
PublicKey = EllipticCurvePublicKey | RSAPublicKey
AUTHORITY_DAYS: Final = 3_650
BOARD_DAYS: Final = 397
RENEW_DAYS: Final = 30
"""So long before its end a certificate is renewed."""
_BEFORE: Final = timedelta(days=1)
"""A phone's clock may be a day behind."""
_CLOSED: Final = ("localhost", "local", "lan", "internal", "home.arpa")
"""Ends of names that nobody can own outside."""
_PRIVATE: Final = tuple(
    ipaddress.ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7")
)
_NOBODY: Final = ("192.0.2.1", 9)
"""An address of RFC 5737 for examples; nothing is sent to it."""


class PkiError(ValueError):
    """A certificate or key cannot be made, read or used; the text names the file and what to do."""


class Certificate(NamedTuple):
    """What people ask of a certificate."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    ends: datetime
    fingerprint: str
    """SHA-256 in pairs of digits, as phones and browsers show it."""

    def days_left(self, now: datetime | None = None) -> int:
        """Return whole days until its end; below zero it is over."""
        return (self.ends - (now or datetime.now(UTC))).days


class Pki:
    """The files of a site's certificates, in one folder. Keys are for their owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.authority_key = folder / "ca.crt", folder / "ca.key"
        self.board, self.board_key = folder / "board.crt", folder / "board.key"

    def make_authority(self, site: str, names: Iterable[str] = (), now: datetime | None = None) -> bool:
        """Make the authority, which may speak for `names` beside what is private; False where there is one already.

        Raises OSError where the files cannot be written.
        """
        if self.authority.exists():
            return False
        key, now = generate_private_key(SECP256R1()), now or datetime.now(UTC)
        # Two authorities of one name would confuse phones that know the first.
        name = _name(f"PatrolGrid {site[:40]} {now:%Y-%m-%d %H:%M:%S}")
        permitted: list[x509.GeneralName] = [x509.DNSName(one) for one in dict.fromkeys((*_CLOSED, *names))]
        permitted += [x509.IPAddress(one) for one in _PRIVATE]
        builder = _begun(name, name, key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        write_private(self.authority_key, private_pem(key))
        write_private(self.authority, builder.sign(key, SHA256()).public_bytes(Encoding.PEM), 0o644)
        return True

    def issue_board(self, names: Sequence[str], addresses: Sequence[str], now: datetime | None = None) -> None:
        """Make the board's certificate anew, for names and addresses, and a key for it where there is none.

        The key stays, so that whatever stops this half-way, there is never a certificate with another's key.
        Raises `PkiError` where the authority's files cannot be used or may not speak for one of them, OSError where the
        files cannot be written.
        """
        self._issue((self.board, self.board_key), "PatrolGrid board", names, addresses, now, BOARD_DAYS)

    def speaks_for(self, names: Iterable[str]) -> list[str]:
        """Return those of some names that the authority may speak for. Raises `PkiError`."""
        authority = read_x509(self.authority)
        return [one for one in names if _permits(authority, x509.DNSName(one))]

    def issue_broker(self, files: tuple[Path, Path], names: Sequence[str], addresses: Sequence[str]) -> None:
        """Make a certificate and its key for a broker: until the authority's own end, since devices renew nothing.

        Raises as `issue_board` does.
        """
        self._issue(files, "PatrolGrid broker", names, addresses, None, AUTHORITY_DAYS)

    def _issue(
        self,
        files: tuple[Path, Path],
        title: str,
        names: Sequence[str],
        addresses: Sequence[str],
        now: datetime | None,
        days: int,
    ) -> None:
        certificate, key_file = files
        authority, authority_key = self.signer()
        now = now or datetime.now(UTC)
        wanted: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
        wanted += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        outside = ", ".join(str(one.value) for one in wanted if not _permits(authority, one))
        if outside:
            raise PkiError(
                f"{self.authority}: may not speak for {outside}: it was made for private addresses and other names; "
                f"move {self.folder} away for a new one, which every phone must be told to trust once more"
            )
        if not key_file.exists():
            write_private(key_file, private_pem(generate_private_key(SECP256R1())))
        key, ends = _read_key(key_file), now + timedelta(days=days)
        ends = min(ends, authority.not_valid_after_utc)
        builder = end_entity(title, key.public_key(), authority, authority_key, now, ends)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        made = builder.sign(authority_key, SHA256()).public_bytes(Encoding.PEM)
        write_private(certificate, made + authority.public_bytes(Encoding.PEM), 0o644)

    def renew_if_due(self, now: datetime | None = None) -> bool:
        """Make the board's certificate anew where it is about to end, for the same names; tell whether it was.

        False also where it is none of this authority's, or the authority's key is not there: then a person has to do
        it. Raises `PkiError`, OSError.
        """
        if not self.board.exists() or not self.authority_key.exists():
            return False
        found = read_certificate(self.board)
        if found.days_left(now) >= RENEW_DAYS or not _is_of(read_x509(self.board), read_x509(self.authority)):
            return False
        self.issue_board(found.names, found.addresses, now)
        return True

    def signer(self) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        """Return the authority's certificate and its key. Raises `PkiError` where they cannot be used."""
        authority, key = read_x509(self.authority), _read_key(self.authority_key)
        if key.public_key() != authority.public_key():
            raise PkiError(f"{self.authority_key}: is not the key that belongs to {self.authority}")
        return authority, key


def read_certificate(path: Path) -> Certificate:
    """Return what the first certificate of a file says. Raises `PkiError`."""
    found = read_x509(path)
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        alternative = x509.SubjectAlternativeName([])
    digits = found.fingerprint(SHA256()).hex().upper()
    return Certificate(
        tuple(alternative.get_values_for_type(x509.DNSName)),
        tuple(map(str, alternative.get_values_for_type(x509.IPAddress))),
        found.not_valid_after_utc,
        ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)),
    )


class Certified:
    """A certificate, its key, and the context of connections that are made with them.

    Raises `PkiError` or OSError (ssl.SSLError) where they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self.names = read_certificate(certificate).names
        """Names by which browsers may call the board."""
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load()

    def refresh(self) -> None:
        """Renew the certificate where that is due and the site's authority is here; use the one in the file."""
        try:
            if Pki(self._certificate.parent).renew_if_due():
                _LOG.warning("%s was renewed", self._certificate)
            if self._certificate.stat().st_mtime_ns != self._seen_ns:
                self._load()
        except (PkiError, OSError) as error:
            _LOG.error("the board's certificate cannot be renewed or used: %s", error)

    def _load(self) -> None:
        self._seen_ns = self._certificate.stat().st_mtime_ns
        try:
            self.context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            raise PkiError(f"{self._certificate} with {self._key}: cannot be used: {error}") from error


def own_names() -> tuple[list[str], list[str]]:
    """Return the names and addresses by which this machine is called, as far as it knows itself; itself first."""
    host = socket.gethostname().split(".")[0].lower()
    names = ["localhost", *([host, f"{host}.local"] if host.isascii() and host != "localhost" else [])]
    found = {"127.0.0.1": None, "::1": None}
    with contextlib.suppress(OSError):
        found |= {str(info[4][0]).partition("%")[0]: None for info in socket.getaddrinfo(socket.gethostname(), None)}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(_NOBODY)  # sends nothing; tells which address packets would go out by
        found[asked.getsockname()[0]] = None
    return names, [one for one in found if is_private(one)]


def is_private(address: str) -> bool:
    """Tell whether an authority of ours may speak for an address. Raises ValueError for what is none."""
    found = ipaddress.ip_address(address)
    return any(found in network for network in _PRIVATE)


def _name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PatrolGrid"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, public: PublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
    builder = builder.not_valid_before(now - _BEFORE).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def end_entity(
    title: str,
    public: PublicKey,
    authority: x509.Certificate,
    authority_key: EllipticCurvePrivateKey,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    """Return the beginning of a certificate that signs no others: for whom (its common name), whose, until when."""
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = _begun(_name(title), authority.subject, public, now, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    return builder.add_extension(signer, critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return what a key may do: the authority's sign certificates, the board's sign a handshake."""
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _permits(authority: x509.Certificate, wanted: x509.GeneralName) -> bool:
    """Tell whether an authority's limits let it speak for a name or an address."""
    try:
        permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return True
    values = [one.value for one in permitted if isinstance(one, x509.DNSName | x509.IPAddress)]
    if isinstance(wanted, x509.DNSName):
        return any(isinstance(one, str) and f".{wanted.value.lower()}".endswith(f".{one.lower()}") for one in values)
    networks = [one for one in values if isinstance(one, ipaddress.IPv4Network | ipaddress.IPv6Network)]
    return any(wanted.value in network for network in networks)


def _is_of(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def read_x509(path: Path) -> x509.Certificate:
    """Return the first certificate of a file. Raises `PkiError`."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PkiError(f"{path}: is no certificate that can be read: {error}") from error


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise PkiError(f"{path}: is no key that can be read: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise PkiError(f"{path}: is a key of another kind, expected one that `patrolgrid pki init` made")
    return key


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    """Return a key as PEM, without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file whole, in a folder that nobody else may read. Raises OSError."""
    make_folder(path.parent, 0o700)
    replace_file(path, content, mode=mode)
