"""Posts to the port of an edge agent as cameras and platforms do: by HTTP Digest, each with its own account."""

from pathlib import Path
from typing import Any, Final

from ingest.setup.extras import load
from simulators.devices.messages import SimulatedMessage

_TRIES: Final = 3
_TIMEOUT_S: Final = 10.0


class Poster:
    """Accounts with one password. Raises `MissingExtraError` where the package requests is not installed."""

    def __init__(self, url: str, password: str, ca: Path | None = None) -> None:
        self.url, self._password = url.rstrip("/"), password
        self._requests: Any = load("requests")
        self._verify: str | bool = str(ca) if ca else True
        self._sessions: dict[str, Any] = {}

    def post(self, message: SimulatedMessage) -> bool:
        """Post a message, again after a failure, and tell whether it was taken.

        What a platform of GA/T 1400 says first, it says again where the other side has forgotten it.
        """
        posting = message.posting
        if posting is None:
            return False
        for number in range(_TRIES):
            if number and posting.first is not None:
                self._once(posting.account, posting.first.topic, posting.first.payload, posting.headers)
            if 200 <= self._once(posting.account, message.topic, message.payload, posting.headers) < 300:
                return True
        return False

    def _once(self, account: str, topic: str, payload: bytes, headers: tuple[tuple[str, str], ...]) -> int:
        """Return the status of the answer, 0 where none came."""
        if account not in self._sessions:
            self._sessions[account] = self._requests.Session()
            self._sessions[account].auth = self._requests.auth.HTTPDigestAuth(account, self._password)
        try:
            answer = self._sessions[account].post(
                f"{self.url}/{topic}", data=payload, headers=dict(headers), timeout=_TIMEOUT_S, verify=self._verify
            )
        except self._requests.RequestException:
            return 0
        return int(answer.status_code)

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            session.close()
