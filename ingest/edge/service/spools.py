"""A spool for each device, and what codecs remember beside them: what the desk needs, until there is one for all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest.edge.agent import EdgeAgent
from ingest.files import replace_file
from ingest.observations import Observation

_DECODER: Final = msgspec.json.Decoder(Observation)


class Waiting(NamedTuple):
    """What lies in all spools."""

    waiting: int
    dropped: int
    size: int
    oldest_s: float
    drops: Mapping[str, int]


class Spools:
    """The spools of all devices."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.agents = folder, dict[str, EdgeAgent]()
        self._path = folder / "memory.json"
        self._memory: dict[str, bytes] = {}
        if self._path.exists():
            self._memory = msgspec.json.decode(self._path.read_bytes(), type=dict[str, bytes])

    def put(self, said: Sequence[tuple[str, Observation]], memory: Mapping[str, bytes | None]) -> None:
        """Take observations and what is to be remembered; raises ValueError before anything is taken."""
        for device, observation in said:
            self.check(device, observation)
        for device in dict.fromkeys(device for device, _ in said):
            self.agents[device].observe(*[one for name, one in said if name == device])
        if memory:
            both = {**self._memory, **memory}
            self._memory = {key: value for key, value in both.items() if value is not None}
            replace_file(self._path, msgspec.json.encode(self._memory), durable=False, mode=0o600)

    def check(self, device: str, observation: Observation) -> None:
        """Raise ValueError for an observation that cannot be taken."""
        _DECODER.decode(msgspec.json.encode(self.agents[device].spool.protect(observation)))

    def settle(self) -> bool:
        """Wait for the disks."""
        return sum(not agent.spool.settle() for agent in self.agents.values()) == 0

    def memory(self) -> Mapping[str, bytes]:
        """Return what is remembered."""
        return self._memory

    def stats(self) -> Waiting:
        """Return what waits."""
        all_stats = [agent.spool.stats() for agent in self.agents.values()]
        drops = Counter({"observation": sum(one.dropped for one in all_stats)})
        return Waiting(
            sum(one.waiting for one in all_stats), drops.total(), sum(one.size for one in all_stats), 0.0, +drops
        )
