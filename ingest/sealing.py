"""Number plates sealed to a station's public key: whoever has the edge device, its disk or the network learns nothing.

HPKE (RFC 9180) in base mode, each plate by itself: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. A
sealed plate is ``s1:``, the 4 hexadecimal digits of the key's id, and 150 letters of base64url: 32 bytes of the fresh
key that it was sealed with, 64 of plate, 16 of tag. So all have one length, and no two are alike, also of one plate.

Needs the extra seal; whoever can do without imports this module by its path.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO: Final = b"patrolgrid plate 1"
_PLATE_BYTES: Final = 64
_PUBLIC: Final = re.compile(r"seal1:([0-9a-f]{4}):([A-Za-z0-9_-]{43})\s{0,8}\Z")


class SealError(ValueError):
    """A plate cannot be sealed or opened, or a public key is none; the text never holds the plate."""


class PublicKey:
    """What an edge device seals with."""

    def __init__(self, key: X25519PublicKey) -> None:
        self._key, self._raw = key, key.public_bytes_raw()
        self.id = sha256(self._raw).hexdigest()[:4]
        """Made of the key, so that a key that was copied wrongly is noticed."""

    def __str__(self) -> str:
        """Return the line that `read_public_key` reads."""
        return f"seal1:{self.id}:{_text(self._raw)}"

    def seal(self, plate: str) -> str:
        """Return a normalised plate sealed. Raises `SealError` for a text that is too long for a plate."""
        raw = plate.encode("utf-8", "replace")
        if len(raw) >= _PLATE_BYTES:
            raise SealError(f"plate is {len(raw)} bytes long, expected less than {_PLATE_BYTES}")
        padded = bytes((len(raw),)) + raw.ljust(_PLATE_BYTES - 1, b"\0")
        return f"s1:{self.id}{_text(_SUITE.encrypt(padded, self._key, info=_INFO))}"


class PrivateKeys:
    """What a gateway opens with: the newest key, and older ones that some edge device may still seal to."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Take secrets of 32 bytes, oldest first."""
        keys = [X25519PrivateKey.from_private_bytes(secret[:32]) for secret in secrets]
        self.public = [PublicKey(key.public_key()) for key in keys]
        self._keys = {public.id: key for public, key in zip(self.public, keys, strict=True)}

    def open(self, sealed: str) -> str:
        """Return the normalised plate in a sealed one. Raises `SealError`."""
        key = self._keys.get(sealed[3:7])
        if key is None:
            raise SealError(f"plate is sealed to a key that this gateway has not: {sealed[3:7]!r}")
        try:
            padded = _SUITE.decrypt(urlsafe_b64decode(sealed[7:] + "=="), key, info=_INFO)
        except (InvalidTag, ValueError):
            raise SealError(
                f"plate sealed to key {sealed[3:7]} cannot be opened: damaged on the way, or forged"
            ) from None
        return padded[1 : 1 + padded[0]].decode("utf-8", "replace")


def read_public_key(path: Path) -> PublicKey:
    """Return the public key in a file of one line. Raises `SealError`, OSError."""
    found = _PUBLIC.match(path.read_bytes()[:200].decode("ascii", "replace"))
    key = found and PublicKey(X25519PublicKey.from_public_bytes(urlsafe_b64decode(found[2] + "=")))
    if not found or not key or key.id != found[1]:
        raise SealError(f"{path}: is no public key, expected the line that 'patrolgrid plates keys' prints: seal1:…")
    return key


def new_secret() -> bytes:
    """Return the secret of a fresh key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
