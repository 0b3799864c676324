"""Who may post: HTTP Digest (RFC 7616; MD5 and SHA-256, qop auth) and tokens, without a network and without a clock.

A nonce is made from the time and a key of this process, so that whoever asks for many costs no memory; only those with
which an account has proved itself are remembered, with the numbers (``nc``) that were used: each is good once. Whoever
is wrong too often is not heard for a while.
"""

import hashlib
import hmac
import math
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from ingest.edge.edge_file import HttpAccount

REALM: Final = "patrolgrid"
_ALGORITHMS: Final = {"SHA-256": "sha256", "MD5": "md5"}
"""As RFC 7616 wants them: the best first. What knows only one challenge mostly takes the last."""
_NONCE_S: Final = 300.0
_AHEAD: Final = 128
"""Numbers below the highest that may still come: several connections of one camera."""
_STANDING_S: Final = 300.0
"""So long a system that has proved itself is known by its address where its dialect asks for no more (GA/T 1400)."""
_WRONG: Final = 10
_WRONG_S: Final = 60.0
_MOST: Final = 4_096
"""Nonces, addresses and standings that are remembered."""
_PARAMETER: Final = re.compile(
    r'([A-Za-z]{1,20})=(?:"((?:[^"\\]|\\.){0,500})"|([^\s",]{1,500}))(?:\s{0,10},\s{0,10}|\Z)'
)

_NUMBER: Final = re.compile(r"[0-9a-fA-F]{8}\Z")


class Proof(NamedTuple):
    """What a request's proof comes to."""

    account: HttpAccount | None
    """Whose it is; None where that is not proved."""
    detail: str = ""
    """Why not, for people."""
    stale: bool = False
    """Only the nonce is too old, or was used: whoever sent it may try again with the next."""
    wrong: bool = False
    """It was tried and is wrong, rather than not tried at all."""


class Accounts:
    """The accounts of a port.

    Raises ValueError for a file without a password, or with more than its line, OSError for one that cannot be read.
    """

    def __init__(self, accounts: Sequence[HttpAccount]) -> None:
        self._key = secrets.token_bytes(32)
        self._known = {one.name: one for one in accounts}
        self._called = {one.known_as: one for one in accounts}
        self._hashes: dict[tuple[str, str], str] = {}
        """(account, algorithm) → what its user name, the realm and its password come to."""
        self._tokens: list[tuple[bytes, HttpAccount]] = []
        self._used: OrderedDict[str, _Used] = OrderedDict()
        self._forgotten = -math.inf
        """Nonces from before are not good any more: it is not known which were used."""
        self._standing: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        for one in accounts:
            self._learn(one)

    def _learn(self, account: HttpAccount) -> None:
        secret = account.password_file.read_text(encoding="utf-8").strip("\r\n")
        if not secret or "\n" in secret or "\r" in secret:
            raise ValueError(f"{account.password_file}: holds no password, expected one line")
        if account.auth == "token":
            if len(secret) < 20:
                raise ValueError(f"{account.password_file}: the token is too short, expected 20 signs or more")
            self._tokens.append((_digest(secret), account))
        else:
            for algorithm in _ALGORITHMS:
                self._hashes[account.name, algorithm] = _hashed(algorithm, f"{account.name}:{REALM}:{secret}")

    # -- challenges ----------------------------------------------------------------------------------------------------

    def challenges(self, now: float, *, stale: bool = False, old: bool = False) -> list[str]:
        """Return the values of WWW-Authenticate. `old`: only MD5, which is all that GA/T 1400 asks systems to know."""
        nonce = self._nonce(now)
        again = ", stale=true" if stale else ""
        return [
            f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{again}'
            for algorithm in _ALGORITHMS
            if algorithm == "MD5" or not old
        ]

    def _nonce(self, now: float) -> str:
        body = int(now * 1000).to_bytes(8, "big") + secrets.token_bytes(8)
        return urlsafe_b64encode(body + self._seal(body)).decode()

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:20]

    def _age(self, nonce: str, now: float) -> float | None:
        """Return how old a nonce of ours is, None for what is none."""
        try:
            raw = urlsafe_b64decode(nonce.encode())
        except ValueError:
            return None
        if len(raw) != 36 or not hmac.compare_digest(self._seal(raw[:16]), raw[16:]):
            return None
        return now - int.from_bytes(raw[:8], "big") / 1000

    # -- proofs --------------------------------------------------------------------------------------------------------

    def judge(self, method: str, target: str, headers: Mapping[str, str], peer: str, now: float) -> Proof:
        """Tell whose a request is. `now` is a clock that only goes forward, in seconds."""
        if self.is_shut_out(peer, now):
            return Proof(None, "too many wrong attempts from there: not heard for a minute", wrong=True)
        said = headers.get("authorization", "")
        scheme, _, rest = said.partition(" ")
        if scheme.lower() == "digest":
            proof = self._by_digest(method, target, rest.strip(), now)
        elif scheme.lower() == "bearer":
            proof = self._by_token(rest.strip())
        elif said:
            proof = Proof(None, "another kind of proof than Digest or a token", wrong=True)
        else:
            proof = Proof(None, "no proof")
        if proof.wrong:
            self._note_wrong(peer, now)
        return proof

    def _by_token(self, token: str) -> Proof:
        digest = _digest(token)
        found = [account for known, account in self._tokens if hmac.compare_digest(known, digest)]
        return Proof(found[0]) if found else Proof(None, "a token that nobody has", wrong=True)

    def _by_digest(self, method: str, target: str, text: str, now: float) -> Proof:
        said = _parameters(text)
        flaw = _flaw(said, target)
        if flaw:
            return Proof(None, flaw, wrong=True)
        name, nonce, nc, algorithm = said["username"], said["nonce"], said["nc"], said["algorithm"].upper()
        age = self._age(nonce, now)
        if age is None:
            # It may be of the process before this one: who is honest tries again with another.
            return Proof(None, "a nonce that was not made here", stale=True)
        known = self._hashes.get((name, algorithm), "0" * 32)
        asked = _hashed(algorithm, f"{method}:{target}")
        wanted = _hashed(algorithm, f"{known}:{nonce}:{nc}:{said['cnonce']}:auth:{asked}")
        right = hmac.compare_digest(wanted.encode(), said["response"].lower().encode())
        if not right or (name, algorithm) not in self._hashes:
            return Proof(None, "a wrong user name or password", wrong=True)
        return self._once(name, nonce, int(nc, 16), now - age, now)

    def _once(self, name: str, nonce: str, number: int, made: float, now: float) -> Proof:
        if not 0 <= now - made <= _NONCE_S or (made <= self._forgotten and nonce not in self._used):
            return Proof(None, "a nonce that is too old", stale=True)
        if not self._used.setdefault(nonce, _Used(name, made)).first(name, number):
            return Proof(None, "a request that came before (nc)", stale=True)
        while len(self._used) > _MOST:
            _, oldest = self._used.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest.made)
        return Proof(self._known[name])

    # -- those who are known already -----------------------------------------------------------------------------------

    def stand(self, name: str, peer: str, now: float) -> None:
        """Note that what its dialect knows by a name has proved itself from an address, or has gone on."""
        self._standing[peer, name] = now + _STANDING_S
        self._standing.move_to_end((peer, name))
        while len(self._standing) > _MOST:
            self._standing.popitem(last=False)

    def standing(self, name: str, peer: str, now: float) -> HttpAccount | None:
        """Return the account that a sender names itself as, where that was proved from this address lately."""
        return self._called.get(name) if self._standing.get((peer, name), 0.0) > now else None

    def fall(self, name: str, peer: str) -> None:
        """Forget that it was proved from an address."""
        self._standing.pop((peer, name), None)

    # -- those who are wrong -------------------------------------------------------------------------------------------

    def is_shut_out(self, peer: str, now: float) -> bool:
        """Tell whether an address was wrong too often within the last minute."""
        return sum(when > now - _WRONG_S for when in self._wrong.get(_network(peer), ())) >= _WRONG

    def _note_wrong(self, peer: str, now: float) -> None:
        times = self._wrong.setdefault(_network(peer), [])
        self._wrong.move_to_end(_network(peer))
        if not self.is_shut_out(peer, now):
            times.append(now)
            del times[:-_WRONG]
        while len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)


class _Used:
    """The numbers that came with a nonce."""

    def __init__(self, name: str, made: float) -> None:
        self.made = made
        self._name, self._highest = name, 0
        self._seen: set[int] = set()

    def first(self, name: str, number: int) -> bool:
        """Tell whether a number of an account is new, and note it."""
        if name != self._name or number in self._seen or number <= self._highest - _AHEAD or number < 1:
            return False
        self._highest = max(self._highest, number)
        self._seen.add(number)
        self._seen = {one for one in self._seen if one > self._highest - _AHEAD}
        return True


def _parameters(text: str) -> dict[str, str]:
    """Return the parameters of a Digest, none for what is none, or has one twice."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1].lower() in found or len(found) > 20:
            return {}
        quoted = match[2]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3]
        at = match.end()
    return {"algorithm": "MD5", **found}


def _flaw(said: Mapping[str, str], target: str) -> str:
    """Return what a Digest lacks before it is worth a look at its nonce, in words; empty where nothing."""
    if not {"username", "nonce", "nc", "cnonce", "response", "uri", "realm"} <= set(said):
        return "a Digest that cannot be read"
    if said["algorithm"].upper() not in _ALGORITHMS or said.get("qop") != "auth" or said["realm"] != REALM:
        return "a Digest of another kind than was asked for"
    if said["uri"] != target:
        return "a Digest for another path"
    return "" if _NUMBER.match(said["nc"]) and said["cnonce"] else "a Digest without nc or cnonce"


def _network(peer: str) -> str:
    """Return what an address stands for: of IPv6 the first 64 bits, since who has one has all."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    return str(int(address) >> 64) if isinstance(address, IPv6Address) and not address.ipv4_mapped else str(address)


def _hashed(algorithm: str, text: str) -> str:
    return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
