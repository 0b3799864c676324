"""Settings that a station sends to one of its edge agents, retained on ``…/{beat}/{device}/settings``.

The payload is JSON: ``device``, ``version``, ``made_ms``, ``settings`` (a table as in the agent's own file), and, as
its last key, ``sign``: HMAC-SHA-256 over the topic and all that stands before it (`ingest.mqtt.signing.signed`). The
key is the agent's own, made of the station's secret and the device's id, and is given to the agent at enrolment. So
whoever takes an agent apart can say nothing to another one, an older message that is sent again has an old version,
and one that is sent to another device has another topic.
"""

import hmac
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from ingest.events import Id
from ingest.mqtt.signing import is_signed, signed
from ingest.observations import EpochMs

MOST_BYTES: Final = 256 << 10
_KEY_BYTES: Final = 32


class SettingsRefusedError(ValueError):
    """A station's settings are not taken; the text says why, and quotes nothing of them."""


class SignedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a station wants an agent to go by."""

    device: Id
    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    """Higher than that of all before."""
    made_ms: EpochMs
    settings: dict[str, Any]
    """Top-level keys of the agent's settings file → what takes the place of what the file says there."""


def settings_key(secret: bytes, device: str) -> bytes:
    """Return the key of an agent, made of the station's secret and the device on whose topic it hears settings.

    >>> settings_key(b"secret", "pi-1") == settings_key(b"secret", "pi-2")
    False
    """
    return hmac.digest(secret, b"patrolgrid settings 1\0" + device.encode(), "sha256")


def key_text(key: bytes) -> str:
    """Return a key as the one line that `read_key` reads."""
    return key.hex()


def read_key(path: Path) -> bytes:
    """Return the key in a file of one line. Raises `SettingsRefusedError` for one that has none, OSError."""
    try:
        key = bytes.fromhex(path.read_bytes()[:200].decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsRefusedError(f"{path}: is no key, expected one line of {2 * _KEY_BYTES} hexadecimal digits")
    return key


def write_settings(settings: SignedSettings, topic: str, key: bytes) -> bytes:
    """Return the payload of a message."""
    return signed(msgspec.json.encode(settings), topic, key)


def read_settings(payload: bytes, topic: str, key: bytes, *, above: int = 0) -> SignedSettings:
    """Return what a station says to the device of a topic.

    `above` is the highest version that was ever tried, also one that was taken back. Raises `SettingsRefusedError`.
    """
    if len(payload) > MOST_BYTES:
        raise SettingsRefusedError(f"{len(payload)} bytes, at most {MOST_BYTES} are taken")
    if not is_signed(payload, topic, [key]):
        raise SettingsRefusedError("not signed with this agent's key for this topic: forged, or the key is another's")
    try:
        found = msgspec.json.decode(payload, type=SignedSettings)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SettingsRefusedError(
            f"signed, and not to be read ({type(error).__name__}): made by another version"
        ) from None
    if found.device != topic.split("/")[-2]:
        raise SettingsRefusedError("for another device")
    if found.version <= above:
        raise SettingsRefusedError(f"version {found.version}, and version {above} was here already: sent again")
    return found
