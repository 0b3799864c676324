"""How much each kernel counts: learned from a site's own history, so that the mix finds out which city it is in.

1. *Shares* by expectation-maximisation on the additive mix λ = Σ θ_k λ_k, with a prior (as for self-exciting point
   processes: Mohler et al., JASA 2015).
2. *Trees* (`models.hotspots.trees`) on the logarithms of the kernels, some of which begin from the mix, some from the
   same rate everywhere; the forecast is the geometric mean. Those that tell the last quarter of the history no better
   than the mix are left out: all, where the mix says it all.

Both look at the history day by day, each day's kernels made from earlier events only.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.hotspots.grid import Grid
from models.hotspots.kernels import DAY_MS, KERNELS, KernelMaps
from models.hotspots.trees import BINS, TreeRows, Trees, binned, cuts_of, grow

_GROWN: Final = ((True, 3, 240), (True, 2, 240), (False, 3, 400), (False, 4, 300))
"""Whether trees begin from the mix, their depth, and how many at most: trees of different kinds err differently."""
_ROWS: Final = 90_000
"""So many cell days without an event are looked at,"""
_ROWS_EACH: Final = 30
"""and at most so many for each event."""
_PRIOR: Final = 30.0
"""Events that the usual shares weigh."""
_SMALL_PRIOR: Final = 2.0
"""The same in a short history."""
_POWER_PRIOR: Final = 50.0
"""How sure one is of a power of 1 in a short history: a standard deviation of 0.14."""
_EM_STEPS: Final = 300
LEAST_EVENTS: Final = 100
"""A history of fewer changes nothing."""
_LEAST_FOR_TREES: Final = 2000
"""Of fewer, the last quarter is too short to say how many trees do good: they expected far too much of themselves."""
_WARM_DAYS: Final = 60


def _usual() -> NDArray[np.float64]:
    """Return the shares before a site has a history: as found on burglaries, with a little of everything."""
    by_tau = np.array([0.02, 0.06, 0.10, 0.12, 0.20, 0.30, 0.16])
    by_sigma = np.array([0.05, 0.40, 0.30, 0.15, 0.05])
    shares = np.append(np.outer(by_tau, by_sigma).ravel(), 0.09)
    return np.asarray(shares / shares.sum(), dtype=np.float64)


USUAL: Final = _usual()
"""Shares of all kernels and, last, of the same rate everywhere, (`KERNELS` + 1,)."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Trees that begin from the mix, or from the same rate everywhere."""

    from_mix: bool
    base: float
    """Logarithm of that rate."""
    depth: int
    feature: bytes
    cut: bytes
    value: bytes

    def trees(self) -> Trees:
        """Return the trees. Raises ValueError where the bytes are not theirs."""
        shape = (-1, self.depth)
        feature, cut = (np.frombuffer(one, np.uint8).reshape(shape) for one in (self.feature, self.cut))
        trees = Trees(feature, cut, np.frombuffer(self.value, "<f4").reshape(-1, 1 << self.depth))
        if not len(feature) == len(cut) == len(trees.value) or not np.isfinite(trees.value).all():
            raise ValueError("trees whose parts differ in length, or with values that are no numbers")
        return trees


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What a site's own history says of the mix."""

    made_ms: int
    """The fit knows events before this time only."""
    events: int
    share: list[float]
    """Of every kernel and of the same rate everywhere, `KERNELS` + 1."""
    cuts: bytes = b""
    """Where features are cut into bins, float32 (features, `BINS` - 1)."""
    members: list[Member] = []
    power: float = 1.0
    """How much sharper (or flatter) than the parts the whole is."""
    scale: float = 1.0
    """So that as much is expected as came."""

    def encode(self) -> bytes:
        """Return the fit as a record of the log carries it."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> "Fit":
        """Return a fit from a record. Raises ValueError where it is none of these kernels."""
        fit = msgspec.msgpack.decode(payload, type=cls)
        numbers = np.array([*fit.share, fit.scale, fit.power, *(one.base for one in fit.members)])
        cuts = fit.numbers(fit.cuts)
        good = len(fit.share) == KERNELS + 1 and bool(np.isfinite(numbers).all() and np.isfinite(cuts).all())
        features = len(cuts) // (BINS - 1)
        good = good and min(fit.share) >= 0 and min(fit.scale, fit.power) > 0 and len(cuts) == features * (BINS - 1)
        if not good or any(one.depth < 1 or one.depth > 6 for one in fit.members):
            raise ValueError(f"a fit of {len(fit.share)} shares and {len(cuts)} cuts, expected {KERNELS + 1} shares")
        if any(int(one.trees().feature.max(initial=0)) >= features for one in fit.members):
            raise ValueError(f"a tree asks for a feature that is none of {features}")
        return fit

    @staticmethod
    def numbers(payload: bytes) -> NDArray[np.float32]:
        """Return numbers from bytes. Raises ValueError."""
        return np.frombuffer(payload, "<f4")


class History(NamedTuple):
    """Events that a fit goes by, in order of time; arrays (n,)."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    ts_ms: NDArray[np.int64]
    weight: NDArray[np.float64]
    driver: NDArray[np.int64]

    def where(self, mine: NDArray[np.bool_]) -> "History":
        """Return some of the events."""
        return History(self.lon[mine], self.lat[mine], self.ts_ms[mine], self.weight[mine], self.driver[mine])


class _CellDays(NamedTuple):
    """Cell days: all with an event, and a sample of the others."""

    day: NDArray[np.int64]
    came: NDArray[np.float64]
    """Weight of the events, (n,)."""
    stands_for: NDArray[np.float64]
    """Cell days that a row stands for."""
    rates: NDArray[np.float64]
    """What kernels and the same rate everywhere expected, (`KERNELS` + 1, n)."""
    more: NDArray[np.float64]
    """Further features, (features, n)."""
    sums: NDArray[np.float64]
    """`rates` over all cells and days, (`KERNELS` + 1, days)."""


def fit(
    grid: Grid, history: History, now_ms: int, cells: NDArray[np.int64], more: NDArray[np.float64], offset_ms: int = 0
) -> Fit:
    """Return what a history says of the mix; a pure function.

    Parameters
    ----------
    cells
        Cells that are forecast over.
    more
        Further features of these cells that are known beforehand, (features, cells).
    offset_ms
        Local midnight, from that of UTC.
    """
    # What lay beside the grid is on no forecast's map either (its cell is -1, and no cell's).
    known = (history.ts_ms < now_ms) & (grid.cell_of(history.lon, history.lat) >= 0)
    events = int(known.sum())
    if events < LEAST_EVENTS:
        return Fit(made_ms=now_ms, events=events, share=USUAL.tolist())
    rows = _look_back(grid, history.where(known), now_ms, cells, more, offset_ms)
    if rows is None or not rows.came.any():
        return Fit(made_ms=now_ms, events=events, share=USUAL.tolist())
    days = rows.sums.shape[1]
    if rows.came.sum() < _LEAST_FOR_TREES:
        return _small(rows, now_ms, events)
    share = _shares(rows, days)
    x = features(rows.rates[:KERNELS], rows.more)
    cuts = cuts_of(x).astype(np.float32)
    grown = TreeRows(binned(x, cuts.astype(np.float64)), rows.came, rows.stands_for)
    members, power = _members(rows, grown, share, days)
    log_mix = np.log(share @ rows.rates)
    rate = np.exp(power * (_together(members, log_mix, grown.bins) if members else log_mix))
    return Fit(
        made_ms=now_ms,
        events=events,
        share=share.tolist(),
        cuts=cuts.tobytes() if members else b"",
        members=members,
        power=power,
        scale=float(rows.came.sum() / (rows.stands_for @ rate)),
    )


def _small(rows: _CellDays, now_ms: int, events: int) -> Fit:
    """Return the fit of a short history: shares by where things came, a power held by a prior, no trees.

    A city of few incidents cannot outvote the usual shares as a large one does; and with few a season or a gap in the
    data easily passes for short memories, so that how many came each day is taken as given.
    """
    days = rows.sums.shape[1]
    came = np.bincount(rows.day, rows.came, days)
    share = _shares_of_where(rows, days)
    share *= came.sum() / (share @ rows.sums.sum(axis=1))
    # The last quarter of the events, not of the days: it may be empty where data are missing.
    cut = int(np.searchsorted(came.cumsum(), 0.75 * came.sum()))
    power = _power(rows, np.log(_shares_of_where(rows, cut) @ rows.rates), rows.day >= cut, _POWER_PRIOR)
    rate = np.exp(power * np.log(share @ rows.rates))
    scale = float(rows.came.sum() / (rows.stands_for @ rate))
    return Fit(made_ms=now_ms, events=events, share=share.tolist(), power=power, scale=scale)


def _members(rows: _CellDays, grown: TreeRows, share: NDArray[np.float64], days: int) -> tuple[list[Member], float]:
    """Return trees that told the last quarter of the history better than the mix had, with as many as did best.

    And the power that suits what the first three quarters said of the last: a mean of cautious forecasts is too flat.
    """
    early = rows.day < 3 * days // 4
    before, mix = (np.log(one @ rows.rates) for one in (_shares(rows, 3 * days // 4), share))
    base = float(np.log(rows.came.sum() / rows.stands_for.sum()))
    members = []
    unaided, said = -np.inf, []
    for from_mix, depth, most in _GROWN:
        start = before if from_mix else np.full(len(mix), base)
        trees, told = grow(grown, start, early, depth, most)
        unaided = max(unaided, float(told[0]))
        if told.max() <= unaided or not told.argmax():
            continue
        best = 10 * int(told.argmax())
        log_rate = start.copy()
        trees.of(slice(best)).add_to(log_rate, grown.bins)
        said.append(log_rate)
        trees, _ = grow(grown, mix if from_mix else start, np.ones(len(mix), dtype=np.bool_), depth, best)
        members.append(
            Member(
                from_mix=from_mix,
                base=base,
                depth=depth,
                feature=trees.feature.tobytes(),
                cut=trees.cut.tobytes(),
                value=trees.value.tobytes(),
            )
        )
    return members, _power(rows, np.mean(said, axis=0) if said else before, ~early)


def _power(rows: _CellDays, log_rate: NDArray[np.float64], mine: NDArray[np.bool_], prior: float = 0.0) -> float:
    """Return the power of rates that tells best where (not how much) came in some rows; a prior holds it near 1."""
    log_rate, came, stands_for = log_rate[mine], rows.came[mine], rows.stands_for[mine]
    powers = np.arange(0.8, 1.31, 0.01)
    told = [came @ (one * log_rate) - came.sum() * np.log(stands_for @ np.exp(one * log_rate)) for one in powers]
    return float(powers[int(np.argmax(np.array(told) - prior * (powers - 1.0) ** 2 / 2))])


def features(rates: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what trees ask of, (features, n), of rates (`KERNELS`, n) and further features."""
    return np.concatenate([np.log(rates + 1e-7), more])


def factor(found: Fit, mix: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the mix (n,) is multiplied by, (n,), given `features` (features, n)."""
    cuts = found.numbers(found.cuts).reshape(-1, BINS - 1)
    log_mix = np.log(mix)
    whole = log_mix
    if found.members and len(cuts) == len(x):
        whole = _together(found.members, log_mix, binned(x, cuts.astype(np.float64)))
    total: NDArray[np.float64] = np.exp(found.power * whole - log_mix) * found.scale
    return total


def _together(members: Sequence[Member], log_mix: NDArray[np.float64], bins: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of the members' logarithms of the rate."""
    total = np.zeros(len(log_mix))
    for one in members:
        total += log_mix if one.from_mix else one.base
        one.trees().add_to(total, bins)
    return total / len(members)


def _look_back(
    grid: Grid, history: History, now_ms: int, cells: NDArray[np.int64], more: NDArray[np.float64], offset_ms: int
) -> _CellDays | None:
    """Go through the history day by day, and keep what was expected where something came, and elsewhere by chance."""
    day = (history.ts_ms + offset_ms) // int(DAY_MS)
    first, end = int(day[0]) + _WARM_DAYS, int((now_ms + offset_ms) // int(DAY_MS))
    if end - first < _WARM_DAYS:
        return None
    rng = np.random.default_rng(12)
    share = min(1.0, min(_ROWS, _ROWS_EACH * len(day)) / ((end - first) * len(cells)))
    place = np.full(grid.cells, -1, dtype=np.int64)
    place[cells] = np.arange(len(cells))
    where = place[grid.cell_of(history.lon, history.lat)]
    edges = np.searchsorted(day, np.arange(int(day[0]), end + 1))
    maps = KernelMaps(grid)
    found: list[_CellDays] = []
    sums = np.zeros((KERNELS + 1, end - first))
    for number, (begin, until) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        today = number - _WARM_DAYS
        if today >= 0:
            midnight = (first + today) * int(DAY_MS) - offset_ms
            inside = begin + np.flatnonzero(where[begin:until] >= 0)
            came = np.bincount(where[inside], history.weight[inside], len(cells))
            chosen = np.flatnonzero((came > 0) | (rng.random(len(cells)) < share))
            in_cells = maps.rates(midnight, cells)
            even = maps.mean_rate(midnight) / len(cells)
            sums[:KERNELS, today], sums[KERNELS, today] = in_cells.sum(axis=1), even * len(cells)
            rates = np.concatenate([in_cells[:, chosen], np.full((1, len(chosen)), even)])
            stands = np.where(came[chosen] > 0, 1.0, 1.0 / share)
            found.append(
                _CellDays(
                    np.full(len(chosen), today), came[chosen].astype(np.float64), stands, rates, more[:, chosen], sums
                )
            )
        if until > begin:
            part = slice(begin, until)
            maps.add(history.lon[part], history.lat[part], history.ts_ms[part], history.weight[part])
    return _CellDays(
        np.concatenate([one.day for one in found]),
        np.concatenate([one.came for one in found]),
        np.concatenate([one.stands_for for one in found]),
        np.concatenate([one.rates for one in found], axis=1),
        np.concatenate([one.more for one in found], axis=1),
        sums,
    )


def _shares(rows: _CellDays, days: int) -> NDArray[np.float64]:
    """Return shares by expectation-maximisation on the first days, with the usual ones as a prior."""
    mine = (rows.came > 0) & (rows.day < days)
    rates, came, whole = rows.rates[:, mine], rows.came[mine], rows.sums[:, :days].sum(axis=1)
    share = USUAL.copy()
    for _ in range(_EM_STEPS):
        duty = share[:, None] * rates
        duty *= came / np.maximum(duty.sum(axis=0), 1e-300)
        share = (duty.sum(axis=1) + _PRIOR * USUAL) / (whole + _PRIOR)
    return share


def _shares_of_where(rows: _CellDays, days: int) -> NDArray[np.float64]:
    """Return shares, of 1 together, by where the events of each of the first days were, given how many.

    Later events count more, in proportion to how much was known: long memories are surer by then.
    """
    mine = (rows.came > 0) & (rows.day < days)
    rates, day, sums = rows.rates[:, mine], rows.day[mine], rows.sums[:, :days]
    many = np.bincount(day, rows.came[mine], days)
    trust = many.cumsum() / max(many.sum(), 1e-300)
    came, many = rows.came[mine] * trust[day], many * trust
    share = USUAL.copy()
    for _ in range(_EM_STEPS):
        duty = share[:, None] * rates
        duty *= came / np.maximum(duty.sum(axis=0), 1e-300)
        whole = sums @ (many / np.maximum(share @ sums, 1e-300))
        share = (duty.sum(axis=1) + _SMALL_PRIOR * USUAL) / (whole + _SMALL_PRIOR)
    return np.asarray(share / share.sum(), dtype=np.float64)
