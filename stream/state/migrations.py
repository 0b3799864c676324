"""Snapshots of earlier versions, brought up to date one version after another.

A step takes the meta data and arrays of version n to those of version n + 1, as a pure function: no settings, no
places, no clock. A step that was released is never changed, and so uses nothing of the program that may change; what
is new is a further step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from ingest.frame import FrameError, NewerFrameError

Meta = Mapping[str, Any]
Arrays = Mapping[str, NDArray[Any]]
Step = Callable[[Meta, Arrays], tuple[dict[str, Any], dict[str, NDArray[Any]]]]


def migrate(
    meta: Meta, arrays: Arrays, wanted: int, steps: Mapping[int, Step] | None = None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a snapshot's meta data and arrays as those of version `wanted`.

    Parameters
    ----------
    meta, arrays
        As `models.frames.unpack` gives them; the version is ``meta["state_version"]``.
    wanted
        The version this program works with.
    steps
        Version → the step from it to the next; those of this module by default.

    Raises
    ------
    ingest.frame.NewerFrameError
        Where the snapshot is of a later version.
    ingest.frame.FrameError
        Where its version is none, or no step leads from it.
    """
    steps = STEPS if steps is None else steps
    version = meta.get("state_version")
    if not isinstance(version, int) or version < 1:
        raise FrameError(f"state_version is {version!r} in the snapshot, expected 1 to {wanted}")
    if version > wanted:
        raise NewerFrameError(
            f"the state is of version {version}, and this program knows versions up to {wanted}: a newer program wrote "
            f"it; install that one again to go on with it"
        )
    new_meta, new_arrays = dict(meta), dict(arrays)
    while version < wanted:
        step = steps.get(version)
        if step is None:
            raise FrameError(f"the state is of version {version}, from which nothing leads to version {wanted}")
        new_meta, new_arrays = step(new_meta, new_arrays)
        version += 1
        new_meta["state_version"] = version
    return new_meta, new_arrays


STEPS: Final[Mapping[int, Step]] = {}
"""Version → the step from it to the next."""
