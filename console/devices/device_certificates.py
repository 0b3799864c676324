"""Certificates of devices: issued by the site's authority for one id each, renewed, revoked by a list for Mosquitto.

A certificate's common name is the device's id, which Mosquitto takes as its account. It is for clients alone (RFC 5280,
4.2.1.12), so that no device can pass itself off as the broker or the board. The revocation list (RFC 5280, 5) is never
too old to be used: a station whose administrator is away must not shut everybody out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from console.people.pki import (
    AUTHORITY_DAYS,
    Pki,
    PkiError,
    PublicKey,
    end_entity,
    private_pem,
    read_x509,
    write_private,
)
from ingest.clock import wall_ms
from ingest.files import locked, replace_file
from ingest.places.place_findings import ACCOUNTS
from ingest.topics import ID_PATTERN

DEVICE_DAYS: Final = 825
"""A device in the street is visited every two years at the latest."""
SOON_DAYS: Final = 30
"""So long before its end a certificate is to be renewed."""
_DAY_MS: Final = 86_400_000
_LIST: Final = "devices.json"
_LEAST_RSA: Final = 2_048


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that was given out."""

    device: str
    serial: str
    """Hexadecimal."""
    made_ms: int
    ends_ms: int
    revoked_ms: int = 0
    why: str = ""

    def days_left(self, now_ms: int | None = None) -> int:
        """Return whole days until its end; below zero it is over."""
        return (self.ends_ms - (wall_ms() if now_ms is None else now_ms)) // _DAY_MS


class DeviceCertificates:
    """The certificates of a site's devices, in the folder of its authority.

    ``devices/ID.crt`` and, where the station made it, ``devices/ID.key``; `_LIST` names all that was ever issued, and
    ``devices.crl`` is what Mosquitto reads. Several processes may use it at once.
    """

    def __init__(self, pki: Pki) -> None:
        self._pki, self.folder = pki, pki.folder / "devices"
        self.list, self.revoked = pki.folder / _LIST, pki.folder / "devices.crl"

    def all(self) -> list[Issued]:
        """Return all certificates, oldest first. Raises `PkiError` where the list cannot be read."""
        try:
            return msgspec.json.decode(self.list.read_bytes(), type=list[Issued])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PkiError(f"{self.list}: the list of certificates cannot be read: {error}") from error

    def newest(self) -> dict[str, Issued]:
        """Return the certificate that each device has, but for those that were revoked."""
        return {one.device: one for one in self.all() if not one.revoked_ms}

    def issue(self, device: str, csr: str = "", *, days: int = DEVICE_DAYS, now: datetime | None = None) -> Issued:
        """Make a certificate for a device, with a key of the station's making or for that of a request.

        Parameters
        ----------
        csr
            A request (PEM) that is signed by its key: EC on P-256, P-384 or P-521, or RSA from 2,048 bits. What name
            it asks for means nothing.

        Raises
        ------
        PkiError
            For an id that is none, a request that cannot be taken, files of no use.
        OSError
            Where files cannot be written.
        """
        _check(device)
        now = now or datetime.now(UTC)
        key_file = self.folder / f"{device}.key"
        if csr:
            public = requested_key(csr)
        else:
            key = generate_private_key(SECP256R1())
            public = key.public_key()
        made = self._signed(device, public, days, now)
        with locked(self.list):
            if csr:
                key_file.unlink(missing_ok=True)
            else:
                write_private(key_file, private_pem(key))
            return self._note(device, made)

    def renew(self, device: str, *, days: int = DEVICE_DAYS, now: datetime | None = None) -> Issued:
        """Make a device's certificate anew, for the key that it has. Raises as `issue`, and where it has none."""
        found = self.newest().get(device)
        if found is None:
            raise PkiError(f"device {device!r} has no certificate; `patrolgrid pki issue {device}` makes one")
        before = read_x509(self.certificate(device))
        public = before.public_key()
        if not isinstance(public, EllipticCurvePublicKey | RSAPublicKey):
            raise PkiError(f"{self.certificate(device)}: has a key of another kind")
        made = self._signed(device, public, days, now or datetime.now(UTC))
        with locked(self.list):
            return self._note(device, made)

    def revoke(self, device: str, why: str = "", *, serials: Sequence[str] = ()) -> list[Issued]:
        """Let no certificate of a device (or only these) be accepted any more; return those that were.

        Raises `PkiError`, OSError.
        """
        with locked(self.list):
            known, now = self.all(), wall_ms()
            wanted = [
                one
                for one in known
                if one.device == device and not one.revoked_ms and (not serials or one.serial in serials)
            ]
            gone = [msgspec.structs.replace(one, revoked_ms=now, why=why) for one in wanted]
            changed = {one.serial: one for one in gone}
            self._write([changed.get(one.serial, one) for one in known])
            self._publish()
            return gone

    def certificate(self, device: str) -> Path:
        """Return where a device's certificate is."""
        return self.folder / f"{device}.crt"

    def key(self, device: str) -> Path:
        """Return where a device's key is, if the station made it."""
        return self.folder / f"{device}.key"

    def publish(self) -> None:
        """Write the revocation list where there is none, or none that fits. Raises `PkiError`, OSError."""
        with locked(self.list):
            if not self.revoked.exists():
                self._publish()

    def _signed(self, device: str, public: PublicKey, days: int, now: datetime) -> x509.Certificate:
        """Return a certificate. Its alternative name keeps OpenSSL from reading the id as the name of a host."""
        authority, key = self._pki.signer()
        ends = min(now + timedelta(days=days), authority.not_valid_after_utc)
        builder = end_entity(device, public, authority, key, now, ends)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        names: list[x509.GeneralName] = [x509.DNSName(f"{device.lower()}.device.internal")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, SHA256())

    def _note(self, device: str, made: x509.Certificate) -> Issued:
        """Write a certificate, and the list with it."""
        replace_file(self.certificate(device), made.public_bytes(Encoding.PEM), mode=0o644)
        found = Issued(
            device=device,
            serial=f"{made.serial_number:x}",
            made_ms=wall_ms(),
            ends_ms=int(made.not_valid_after_utc.timestamp() * 1000),
        )
        self._write([*self.all(), found])
        if not self.revoked.exists():
            self._publish()
        return found

    def _write(self, known: list[Issued]) -> None:
        lines = b",\n".join(map(msgspec.json.encode, known))
        write_private(self.list, b"[" + lines + b"]\n")

    def _publish(self) -> None:
        """Write the revocation list.

        OpenSSL, which keeps the one before, takes the later of two: so each begins a second after the last.
        """
        authority, key = self._pki.signer()
        now = datetime.now(UTC).replace(microsecond=0)
        begins, number = now - timedelta(hours=1), 1
        if self.revoked.exists():
            before = x509.load_pem_x509_crl(self.revoked.read_bytes())
            begins = max(begins, before.last_update_utc + timedelta(seconds=1))
            number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
        builder = x509.CertificateRevocationListBuilder(authority.subject, begins, now + timedelta(days=AUTHORITY_DAYS))
        for one in self.all():
            if one.revoked_ms and one.days_left() >= 0:
                at = datetime.fromtimestamp(one.revoked_ms / 1000, UTC)
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder(int(one.serial, 16), at).build()
                )
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        replace_file(self.revoked, builder.sign(key, SHA256()).public_bytes(Encoding.PEM), mode=0o644)


def _check(device: str) -> None:
    """Raise `PkiError` for what no device may be called."""
    if not ID_PATTERN.match(device):
        raise PkiError(f"{device!r} is no id of a device, expected letters, digits, - and _, at most 48, no leading -")
    if device in ACCOUNTS:
        raise PkiError(f"{device!r} is an account with rights of its own at the broker; a device needs another id")


def requested_key(csr: str) -> PublicKey:
    """Return the key of a request. Raises `PkiError`."""
    try:
        request = x509.load_pem_x509_csr(csr.encode("ascii", "replace"))
        public, right = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise PkiError(f"the request for a certificate cannot be read: {error}") from error
    strong = isinstance(public, EllipticCurvePublicKey) and public.curve.key_size >= 256
    strong = strong or (isinstance(public, RSAPublicKey) and public.key_size >= _LEAST_RSA)
    if not right or not strong or not isinstance(public, EllipticCurvePublicKey | RSAPublicKey):
        raise PkiError("the request for a certificate is not signed by its key, or that key is weak; expected EC P-256")
    return public


def days_by_device(pki: Pki, now_ms: int | None = None) -> dict[str, int]:
    """Return for each device with a certificate how many days that is good for. Raises `PkiError`."""
    return {device: one.days_left(now_ms) for device, one in DeviceCertificates(pki).newest().items()}
