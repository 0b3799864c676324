"""Snapshots of earlier versions, brought up to date one version after another.

A step takes the meta data and arrays of version n to those of version n + 1, as a pure function: no settings, no
places, no clock. A step that was released is never changed, and so uses nothing of the program that may change; what
is new is a further step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.state.snapshot import SnapshotError

Meta = Mapping[str, Any]
Arrays = Mapping[str, NDArray[Any]]
Step = Callable[[Meta, Arrays], tuple[dict[str, Any], dict[str, NDArray[Any]]]]


class NewerStateError(SnapshotError):
    """A snapshot was written by a later version of the program. It is kept as it is."""


def migrate(
    meta: Meta, arrays: Arrays, wanted: int, steps: Mapping[int, Step] | None = None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a snapshot's meta data and arrays as those of version `wanted`.

    Parameters
    ----------
    meta, arrays
        As `stream.state.snapshot.unpack` gives them; the version is ``meta["state_version"]``.
    wanted
        The version this program works with.
    steps
        Version → the step from it to the next; those of this module by default.

    Raises
    ------
    NewerStateError
        Where the snapshot is of a later version.
    stream.state.snapshot.SnapshotError
        Where its version is none, or no step leads from it.
    """
    steps = STEPS if steps is None else steps
    version = meta.get("state_version")
    if not isinstance(version, int) or version < 1:
        raise SnapshotError(f"state_version is {version!r} in the snapshot, expected 1 to {wanted}")
    if version > wanted:
        raise NewerStateError(
            f"the state is of version {version}, and this program knows versions up to {wanted}: a newer program wrote "
            f"it; install that one again to go on with it"
        )
    new_meta, new_arrays = dict(meta), dict(arrays)
    while version < wanted:
        step = steps.get(version)
        if step is None:
            raise SnapshotError(f"the state is of version {version}, from which nothing leads to version {wanted}")
        new_meta, new_arrays = step(new_meta, new_arrays)
        version += 1
        new_meta["state_version"] = version
    return new_meta, new_arrays


def _shards_and_site(meta: Meta, arrays: Arrays) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Bring version 1, a single pipeline, to version 2: one shard and a site, which has alerts, hotspots, incidents.

    Version 2 also remembers what the baselines have learnt. Version 1 did not: all up to its watermark counts as
    learnt, so that history does not teach a second time what observations have taught. Baselines of counts are in
    single precision. What version 2 knows besides (beats' context, budget, causes of alerts) begins empty.
    """
    ending = {(device, kind) for device, kind in meta["alerts"]["ending"]}
    standing = [
        (alert["device"], alert["kind"], alert["cause_ms"])
        for alert in meta["alerts"]["open"]
        if (alert["device"], alert["kind"]) in ending
    ]
    common = ("position", "watermark_ms", "now_ms")
    shard = {name: meta[name] for name in (*common, "part", "emit_open_ms", "catalog")} | {"standing": standing}
    site = {
        "alerts": meta["alerts"],
        "hotspots": meta["hotspots"],
        "catalog": [],
        "waiting": [],
        "now_ms": meta["now_ms"],
        "newest": [meta["now_ms"]],
        "reached": [meta["position"]],
    }
    new_meta = {
        "site": meta["site"],
        "window_s": meta["window_s"],
        "shards": 1,
        "position": meta["position"],
        "now_ms": meta["now_ms"],
        "parts": [shard],
        "whole": site,
    }
    moved = {
        f"site/{name.removeprefix('hotspots/')}" if name.startswith("hotspots/") else f"0/{name}": values
        for name, values in arrays.items()
    }
    return new_meta, moved | _learnt_so_far(meta, arrays) | _single_precision(moved)


def _learnt_so_far(meta: Meta, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Version 2's record of what was learnt, as the keys series * 2**40 + window number: from 0 to the watermark."""
    series = [kind for _, _, kind, _ in meta["catalog"]["series"]]
    taught = np.zeros(len(series), dtype=np.bool_)
    for kind, name, row in ((0, "counting", 1), (2, "leveling", 0)):
        rows = np.flatnonzero(np.array(series, dtype=np.int64) == kind)
        taught[rows] = arrays[f"detection/{name}/overall"][row] > 0
    base = np.flatnonzero(taught).astype(np.int64) << 40
    last = max(int(meta["watermark_ms"]) // (int(meta["window_s"]) * 1000), 0)
    return {
        "0/detection/learnt/observed": np.stack([base, base + last]),
        "0/detection/learnt/history": np.zeros((2, 0), dtype=np.int64),
        "0/detection/learnt/live": np.full((2, 0), -1, dtype=np.int64),
    }


def _single_precision(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Version 2's baselines of counts. The windows of the last hour, which it keeps otherwise, are not learnt from."""
    at = "0/detection/counting/"
    old = {name: arrays[at + name] for name in ("pi", "level", "spread", "doubted", "overall", "kinds", "ring_start")}
    new: dict[str, NDArray[Any]] = {name: old[name].astype(np.float32) for name in ("pi", "level", "spread", "doubted")}
    new["misfit"] = np.zeros_like(new["doubted"])
    series = len(arrays["0/catalog/series_device"])
    new["since_window"], new["since_total"] = np.zeros(series, dtype=np.int64), np.zeros(series)
    new["since_exposure"] = np.zeros(series)
    # No series had a kind, so what its kind usually shows is one at all times.
    new["overall"] = np.concatenate([old["overall"], old["overall"][1:]]).astype(np.float32)
    new["kinds_fresh"], new["kinds_ms"] = np.zeros_like(old["kinds"]), np.zeros(1, dtype=np.int64)
    new["kinds_strays"] = np.zeros((2, 2, old["kinds"].shape[-1]))
    new["ring_start"] = np.full_like(old["ring_start"], np.iinfo(np.int64).min)
    return {at + name: values for name, values in new.items()}


STEPS: Final[Mapping[int, Step]] = {1: _shards_and_site}
"""Version → the step from it to the next."""
