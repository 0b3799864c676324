"""States that were saved under other settings of the pipeline: what of them is kept, and how.

A state depends on ``window_s``, and on how many windows are in memory (``keep_windows``, ``lateness_s``,
``clock_ahead_s``). The latter only moves windows to other places of a ring. When ``window_s`` changes, sums by the time
of day are dealt out to the new bins, exposures (which count windows) are counted anew, and window numbers become those
of the same time. What is given up: the sums of the last hour that the scan for long events looks at (they are learned
at once), those of the last half hour of the beats, and the beats' forest, which is trained again.

Windows that had begun keep their old length in the store. New ones begin where the last of these ends
(`Windows.first`); what is observed before that is stored as an addition and learned as late.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.baselines.rebin import rebin_counts
from models.baselines.scan import EXPOSURE, TOTAL
from models.context.beat_forest import Recent
from models.state import State
from stream.windows.axes import SERIES
from stream.windows.windows import Windows

_SPAN: Final = 40
"""As in `stream.detect.learned_windows`: bits of a window number in a key."""
_COUNTING: Final = "detection/counting/"
_NONE: Final = -1


class Length(NamedTuple):
    """A change of the window length."""

    before_s: int
    after_s: int

    def number(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the new numbers of the windows in which old ones begin."""
        return number * self.before_s // self.after_s

    def end(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the first new window that begins at the start of an old one, or after it."""
        return -(-number * self.before_s // self.after_s)


def adapted(state: State, like: Windows, length: Length) -> State:
    """Return the state of a shard for windows of another length, or another number of them in memory.

    The same object where nothing is other.

    Parameters
    ----------
    like
        Windows as the new settings have them.
    length
        Lengths before and after, which may be the same.
    """
    like = Windows(ring=like.ring, keep=like.keep)
    new = State(dict(state.values), dict(state.arrays), dict(state.columns))
    if length.before_s == length.after_s:
        if (state.arrays["windows/n"].shape[0], state.get("windows/kept", int)) == (like.ring, like.keep):
            return state
        _move_ring(new, like)
        return new
    _begin_windows(new, like, length)
    _renumber(new, length)
    waiting = _last_hour(new, length)
    counts = new.below(f"{_COUNTING}baseline")
    new.arrays |= {f"{_COUNTING}baseline/{path}": one for path, one in rebin_counts(counts, *length).arrays.items()}
    for name, more in waiting.items():
        path = f"detection/late_counts/{name}"
        new.arrays[path] = np.concatenate([new.arrays[path], more])
    for name in ("since_window", "since_total", "since_exposure"):
        new.arrays[_COUNTING + name] = np.zeros_like(new.arrays[_COUNTING + name])
    recent = Recent(length.after_s, new.arrays["detection/context/recent/sums"].shape[-1]).capture()
    new.arrays |= {f"detection/context/recent/{name}": values for name, values in recent.arrays.items()}
    new.arrays["detection/context/packed"] = np.zeros(0, dtype=np.uint8)
    return new


def _move_ring(state: State, like: Windows) -> None:
    """Put the windows in memory where a ring of another length has them; those older than it holds are written."""
    held = state.below("windows")
    ring, open_from = held.arrays["n"].shape[0], held.get("open_from", int)
    empty = _empty(state, like)
    oldest = max(open_from, 0) - like.keep
    for number in _numbers(held):
        if oldest <= number < oldest + like.ring:
            for name, values in held.arrays.items():
                empty[name][number % like.ring] = values[number % ring]
    state.arrays |= {f"windows/{name}": values for name, values in empty.items()}


def _begin_windows(state: State, like: Windows, length: Length) -> None:
    """Begin new windows where the last old one ends in which anything was observed."""
    held = state.below("windows")
    ring, open_from = held.arrays["n"].shape[0], held.get("open_from", int)
    state.arrays |= {f"windows/{name}": values for name, values in _empty(state, like).items()}
    if open_from < 0:
        return
    used = [number + 1 for number in _numbers(held) if held.arrays["n"][number % ring].any()]
    first = int(length.end(np.array([max([open_from, *used])]))[0])
    state.put("windows/open_from", first)
    state.put("windows/first", first)


def _numbers(held: State) -> range:
    """Return the window numbers that a state of windows has in memory."""
    open_from = held.get("open_from", int)
    if open_from < 0:
        return range(0)
    oldest = open_from - held.get("kept", int)
    return range(oldest, oldest + held.arrays["n"].shape[0])


def _empty(state: State, like: Windows) -> dict[str, NDArray[Any]]:
    """Return the arrays of empty windows of all series."""
    like.grow(SERIES, state.arrays["windows/n"].shape[1])
    return like.capture().arrays


def _renumber(state: State, length: Length) -> None:
    """Give the windows that were learned, and that wait to be, the numbers of the same time."""
    arrays = state.arrays
    for source in ("observed", "history"):
        for name, renumber in (("low", length.number), ("high", length.end)):
            key = arrays[f"detection/learned/{source}/{name}"]
            base = key >> _SPAN << _SPAN
            arrays[f"detection/learned/{source}/{name}"] = base + renumber(key - base)
    live = arrays["detection/learned/live"]
    low, high = length.number(live[0]), length.end(live[1])
    arrays["detection/learned/live"] = np.where(live == _NONE, _NONE, np.stack([low, high]))
    for waiting in ("late_counts", "late_levels"):
        at = f"detection/{waiting}"
        arrays[f"{at}/number"] = length.number(arrays[f"{at}/number"])
        arrays[f"{at}/exposure"] = arrays[f"{at}/exposure"] * (length.before_s / length.after_s)


def _last_hour(state: State, length: Length) -> dict[str, NDArray[Any]]:
    """Return the windows that no baseline has learned yet, as they wait to be learned."""
    start = state.arrays[f"{_COUNTING}baseline/ring/start"]
    value = state.arrays[f"{_COUNTING}baseline/ring/value"]
    slot, row = np.nonzero((start >= 0) & (value[:, EXPOSURE] > 0))
    order = np.argsort(start[slot, row], kind="stable")
    slot, row = slot[order], row[order]
    return {
        "series": state.arrays[f"{_COUNTING}series"][row],
        "number": start[slot, row] // (1000 * length.after_s),
        "value": value[slot, TOTAL, row].astype(np.float64),
        "exposure": value[slot, EXPOSURE, row].astype(np.float64) * (length.before_s / length.after_s),
    }
