"""Another way to hear devices, while what they say cannot be kept: hazards must be told all the same."""

from typing import Final

from ingest.login import BrokerAddress
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.session import Session

_EAR_BYTES: Final = 8 << 20


class Ear:
    """A session without memory, which acknowledges at once.

    Nothing rests on it: everything also comes by the gateway's own session, which the broker keeps.
    """

    def __init__(self, broker: BrokerAddress, topic_filter: str, max_payload: int) -> None:
        self._broker, self._filter, self._max_payload = broker, topic_filter, max_payload
        self._open: tuple[Session, Inbox] | None = None

    @property
    def up(self) -> bool:
        """Whether it hears devices."""
        return self._open is not None and self._open[0].up

    def opened(self) -> Inbox:
        """Return what was heard, connecting where that has not been done."""
        if self._open is None:
            inbox = Inbox(self._max_payload, _EAR_BYTES)
            session = Session(self._broker, "", filters=(self._filter,), on_message=inbox.put)
            session.start()
            self._open = session, inbox
        return self._open[1]

    def close(self) -> None:
        """Disconnect. A second call does nothing."""
        if self._open is not None:
            session, inbox = self._open
            self._open = None
            inbox.close()
            session.close()
