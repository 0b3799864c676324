"""Messages that only who has a secret can have sent: people's commands, and settings of edge agents.

The signature goes over the topic, too: what is sent to one is worth nothing to another.
"""

import hmac
from collections.abc import Iterable
from typing import Final

_SIGN: Final = b',"sign":"'
_SIGN_BYTES: Final = len(_SIGN) + 64 + len(b'"}')


def signed(payload: bytes, topic: str, key: bytes) -> bytes:
    """Return a command as JSON with its signature as the last key: only the board and the gateways have the secret.

    HMAC-SHA-256 over the topic and the command as it stands before it, so that nothing has to be written again in the
    same way. Where a broker tells its clients apart (`deploy/mosquitto`), it is a second lock behind that one.
    """
    return payload[:-1] + _SIGN + _proof(payload, topic, key) + b'"}'


def is_signed(payload: bytes, topic: str, keys: Iterable[bytes]) -> bool:
    """Tell whether one of the secrets has signed a command for this topic.

    >>> sent = signed(b'{"id":"c"}', "s/commands", b"secret")
    >>> is_signed(sent, "s/commands", [b"secret"]), is_signed(sent, "t/commands", [b"secret"])
    (True, False)
    """
    body, sign = payload[:-_SIGN_BYTES] + b"}", payload[-_SIGN_BYTES:]
    return any(hmac.compare_digest(sign, _SIGN + _proof(body, topic, key) + b'"}') for key in keys)


def _proof(body: bytes, topic: str, key: bytes) -> bytes:
    return hmac.digest(key, b"patrolgrid command 1\0" + topic.encode() + b"\0" + body, "sha256").hex().encode()
