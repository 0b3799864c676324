"""What a client says of itself beside its messages: of each topic only the last word counts."""

from collections.abc import Callable


class LastWords:
    """Words by topic. `say` may be called from any thread, the rest in the session's."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._new: dict[str, bytes] = {}

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish soon, with QoS 1; what the broker is to keep is said again on every connection."""
        if retain:
            self._kept[topic] = payload
        self._new[topic] = payload

    def reconnected(self) -> None:
        """Say again what the broker may have replaced by the last will."""
        for topic, payload in list(self._kept.items()):
            self._new.setdefault(topic, payload)

    def publish(self, send: Callable[[str, bytes, bool], object]) -> None:
        """Give what is new to `send`: topic, payload, and whether the broker is to keep it."""
        while self._new:
            topic, payload = self._new.popitem()
            send(topic, payload, topic in self._kept)
