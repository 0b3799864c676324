"""A spool of one device, as its tests ask it."""

import msgspec

from ingest.observations import Level, Observation

BIG = 1 << 30


def put(spool, observations, memory=None):
    numbers = spool.put([("d", one) for one in observations], memory)
    spool.settle()
    return numbers


def level(value, ts=1):
    return Level(ts=ts, metric="noise", value=value, unit="dB")


def reader(spool):
    return spool._writer.readers.get("d") or spool.reader("d")


def look(spool):
    """What waits, as (place, JSON), without a trace."""
    view, found = reader(spool), {}
    while batch := spool.take(view, limit=100_000, max_bytes=BIG):
        found |= dict(zip(batch.places, batch.payloads, strict=True))
    for segment, position in view._rows(sorted(found)):
        segment.state[position] = 0
    view._at = [0, 0, 0, 0]
    return sorted(found.items())


def waiting(spool):
    return [msgspec.json.decode(payload, type=Observation) for _, payload in look(spool)]


def places(spool):
    return [place for place, _ in look(spool)]


def acknowledge(spool, places):
    spool.acknowledge(reader(spool), list(places))


def rewind(spool):
    return spool.rewind(reader(spool))


def content(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".lock")
