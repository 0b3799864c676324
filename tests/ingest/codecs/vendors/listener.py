"""A codec that is spoken to in a line, and what it heard in a short form."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from ingest.observations import Count, Gate, Level, epoch_ms

NOON = round(datetime.fromisoformat("2026-11-20T12:00:00+08:00").timestamp() * 1000)


class Listener:
    """One dialect with its bindings; `hear` returns the observations in a short form."""

    def __init__(self, dialect, *bindings):
        self.dialect, self.saved = dialect, {}
        self.bindings = Bindings([Binding(codec=dialect, **{"device": "d", **one}) for one in bindings])
        self.restart()

    def restart(self):
        """Begin anew with what was saved."""
        self.codec = codec_class(self.dialect)(self.bindings, Memory(self.saved), ZoneInfo("Asia/Shanghai"))

    def meaning(self, topic, said, *, at=0, retained=False):
        """Return what a message means that comes so many seconds after noon."""
        text = said if isinstance(said, str | bytes) else json.dumps(said)
        payload = text if isinstance(text, bytes) else text.encode()
        message = VendorMessage(topic, payload, NOON + 1000 * at, retained=retained)
        heard = self.codec.decode(message)
        for key, value in self.codec.memory.changes().items():
            self.saved.pop(key, None)
            if value is not None:
                self.saved[key] = value
        return heard

    def hear(self, topic, said, *, at=0, retained=False):
        """Return the observations in short."""
        heard = self.meaning(topic, said, at=at, retained=retained)
        assert not heard.refusals, heard.refusals
        return [short(device, one) for device, one in heard.observations]

    def reason(self, topic, said):
        """Return why a message is refused."""
        heard = self.meaning(topic, said)
        assert not heard.observations
        return [refusal.reason.value for refusal in heard.refusals]

    def strangers(self, topic, said):
        """Return (match, part, guess) of what is bound to nothing."""
        return [(one.match, one.part, one.guess) for one in self.meaning(topic, said).strangers]

    def status(self, topic, said, *, retained=False):
        """Return the statuses."""
        return self.meaning(topic, said, retained=retained).statuses


def short(device, one):
    """Return an observation without its time, and without a device that is called d."""
    whose = () if device == "d" else (device,)
    if isinstance(one, Count):
        return (*whose, one.of, one.in_, one.out)
    if isinstance(one, Gate):
        return (*whose, one.direction, one.plate, one.vehicle)
    if isinstance(one, Level):
        return (*whose, one.metric, one.value, one.unit)
    return (*whose, one.metric, one.value)


def second(listener, topic, said, *, at=0):
    """Return how many seconds after noon the one observation of a message is."""
    (_, one), *more = listener.meaning(topic, said, at=at).observations
    assert not more
    return (epoch_ms(one.ts) - NOON) // 1000
