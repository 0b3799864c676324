"""The state of a whole site as bytes, and states of earlier versions brought up to date.

`MIGRATIONS` has a step from every version that can still be read to the next. A step that was released is never
changed, and so uses nothing of the program that may change; what is new is a further step.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import to_numpy
from models.state import State

STATE_VERSION: Final = 3
"""Raised, with a step in `MIGRATIONS`, whenever a declaration of saved state changes."""
Migration = Callable[[str, State], State]
"""Takes the state of a part (``shard`` or ``site``) of one version to the next."""
MIGRATIONS: Final[Mapping[int, Migration]] = {}
"""Version → the step from it to the next."""


class Snapshot(NamedTuple):
    """What a snapshot holds."""

    about: dict[str, Any]
    """What the state depends on and how far it has come: plain values."""
    parts: dict[str, State]
    """``site``, and by number the shards."""


class _Meta(msgspec.Struct, kw_only=True):
    version: int
    about: dict[str, Any]
    values: dict[str, dict[str, msgspec.Raw]]
    """By part and path."""


def pack(about: dict[str, Any], parts: Mapping[str, State]) -> bytes:
    """Return a snapshot of this version of the program. Equal states give equal bytes."""
    meta = _Meta(version=STATE_VERSION, about=about, values={name: state.values for name, state in parts.items()})
    arrays = {f"{name}/{path}": array for name, state in parts.items() for path, array in state.arrays.items()}
    return frame.encode(FrameKind.SNAPSHOT, meta, arrays)


def unpack(data: bytes) -> Snapshot:
    """Return what a snapshot holds, brought up to date; the arrays are views of it.

    Raises
    ------
    ingest.frame.NewerFrameError
        Where a later version of the program wrote it.
    ingest.frame.FrameError
        For any other bytes, and where no step leads from its version.
    """
    meta, arrays = frame.decode(FrameKind.SNAPSHOT, data, _Meta)
    every = State(arrays=to_numpy(arrays))
    parts = {name: State(values, every.below(name).arrays) for name, values in meta.values.items()}
    return Snapshot(meta.about, {name: migrate(name, state, meta.version) for name, state in parts.items()})


def migrate(
    name: str, state: State, version: int, steps: Mapping[int, Migration] = MIGRATIONS, wanted: int = STATE_VERSION
) -> State:
    """Bring the state of a part, of some version, up to the wanted one. Raises as `unpack` does."""
    if version > wanted:
        raise NewerFrameError(
            f"the state is of version {version}, and this program knows versions up to {wanted}: a newer program wrote "
            f"it; install that one again to go on with it"
        )
    for one in range(version, wanted):
        if one not in steps:
            raise FrameError(
                f"the state is of version {version}, which this program (version {wanted}) no longer reads; "
                f"`patrolgrid train --from-store` learns again from what the store holds"
            )
        state = steps[one]("site" if name == "site" else "shard", state)
    return state
