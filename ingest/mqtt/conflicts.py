"""Two clients under one client id: each takes the session from the other, and who wants none wipes the other's queue.

MQTT 5 says when a session was taken over. With 3.1.1 it shows in connections that the broker accepts and soon ends,
several in a row, with no attempt between them that failed: a broker that comes and goes refuses some.
"""

import time
from typing import Final

_TAKEN_OVER: Final = 0x8E
_IN_A_ROW: Final = 3
SHUT_OUT: Final = "is its certificate of this station, not revoked and not over, and the port the one for certificates?"
FORGOTTEN: Final = """the broker has forgotten the session, and what waited in it: it keeps nothing on disk \
(persistence), or a client connected under this id and wanted no session"""
IN_CLEAR: Final = "the password goes over the network in clear: set tls = true (broker.tls, or --tls)"


class Conflicts:
    """What the ends of a session's connections say about a second client.

    Parameters
    ----------
    client_id
        The session's.
    lasting_s
        How long a connection lasts that nobody takes away: longer than the longest wait between attempts.
    """

    def __init__(self, client_id: str, lasting_s: float) -> None:
        self._client_id, self._lasting_s = client_id, lasting_s
        self._short = self._taken_over = 0
        self._since: float | None = None

    def accepted(self) -> None:
        """Note a connection that the broker has accepted."""
        self._since = time.monotonic()

    def not_reached(self) -> None:
        """Note an attempt that failed: it is the broker that comes and goes."""
        self._short = 0

    def ended(self, reason: int) -> bool:
        """Note that the broker ended the connection; tell whether it is now known that there is a second client."""
        before = bool(self.text)
        if self._since is None or time.monotonic() - self._since >= self._lasting_s:
            self._short = self._taken_over = 0
        else:
            self._short += 1
        self._taken_over += reason == _TAKEN_OVER
        self._since = None
        return bool(self.text) and not before

    @property
    def text(self) -> str:
        """What is wrong and what to do about it; empty while no second client is seen."""
        lasts = self._since is not None and time.monotonic() - self._since > 2 * self._lasting_s
        if lasts or (not self._taken_over and self._short < _IN_A_ROW):
            return ""
        how = "the broker says so" if self._taken_over else f"it ended {self._short} connections in a row"
        return (
            f"another client uses the client id {self._client_id!r} at the broker ({how}): each takes the connection "
            "from the other. Look for a second process or a copied disk with this id and give it an id of its own; "
            "have the broker bind client ids to accounts, as deploy/mosquitto does"
        )
