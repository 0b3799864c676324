"""How much each kernel counts: learned from a site's own history, so that the mix finds out which city it is in.

1. *Shares* by expectation-maximisation on the additive mix λ = Σ θ_k λ_k, with a prior (as for self-exciting point
   processes: Mohler et al., JASA 2015), by where each day's events were, given how many.
2. *Trees* (`models.hotspots.trees`) on the logarithms of the kernels, some of which begin from the mix, some from the
   same rate everywhere; the forecast is the geometric mean. They count only where together they found more of the last
   quarter of the events than the mix.
3. *A power* that makes the rates as sharp as that last quarter wants them.

All look at the history day by day, each day's kernels made from earlier events only.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.hotspots.grid import Grid
from models.hotspots.kernels import DAY_MS, KERNELS, SIGMAS, TAUS, KernelMaps
from models.hotspots.trees import BINS, TreeRows, Trees, binned, cuts_of, grow

_GROWN: Final = ((True, 3, 240), (True, 2, 240), (False, 3, 400), (False, 4, 300))
"""Whether trees begin from the mix, their depth, and how many at most: trees of different kinds err differently."""
_ROWS: Final = 90_000
"""So many cell days without an event are looked at,"""
_ROWS_EACH: Final = 30
"""and at most so many for each event."""
_PRIOR: Final = 2.0
"""Events that the usual shares weigh."""
_POWER_PRIOR: Final = 50.0
"""How sure one is beforehand that rates are neither too flat nor too sharp: a standard deviation of 0.14."""
_EM_STEPS: Final = 300
LEAST_EVENTS: Final = 100
"""A history of fewer changes nothing."""
_LEAST_FOR_TREES: Final = 2000
"""Of fewer, the last quarter is too short to say how many trees do good: they expected far too much of themselves."""
_WARM_DAYS: Final = 60
_BLOCK: Final = 28
"""Days over which a site's level is taken for steady."""


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
    level: list[float] = []
    """How much the memories of a site's count a day weigh, of every τ and of an even rate; empty: as the mix has it."""

    def encode(self) -> bytes:
        """Return the fit as a record of the log carries it."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> "Fit":
        """Return a fit from a record. Raises ValueError where it is none of these kernels."""
        fit = msgspec.msgpack.decode(payload, type=cls)
        numbers = np.array([*fit.share, *fit.level, fit.power, *(one.base for one in fit.members)])
        cuts = fit.numbers(fit.cuts)
        good = len(fit.share) == KERNELS + 1 and bool(np.isfinite(numbers).all() and np.isfinite(cuts).all())
        features = len(cuts) // (BINS - 1)
        good = good and min([*fit.share, *fit.level]) >= 0 and fit.power > 0 and len(cuts) == features * (BINS - 1)
        good = good and len(fit.level) in {0, len(TAUS) + 1}
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
    known = history.ts_ms < now_ms
    events = int(known.sum())
    if events < LEAST_EVENTS:
        return Fit(made_ms=now_ms, events=events, share=USUAL.tolist())
    rows = _look_back(grid, history.where(known), now_ms, cells, more, offset_ms)
    if rows is None:
        return Fit(made_ms=now_ms, events=events, share=USUAL.tolist())
    days = rows.sums.shape[1]
    came = np.bincount(rows.day, rows.came, days).astype(np.float64)
    totals = np.concatenate([rows.sums[: KERNELS : len(SIGMAS)], rows.sums[KERNELS:]])
    level = _level(came, totals)
    # By events, not by days: a gap in the data may fill the last quarter of the time.
    cut = int(np.searchsorted(came.cumsum(), 0.75 * came.sum()))
    early, late, share = rows.day < cut, rows.day >= cut, _shares(rows, days)
    before, mix = (np.log(one @ rows.rates) for one in (_shares(rows, cut), share))
    shape, members, cuts = _beside_usual(rows, before), [], b""
    if came.sum() >= _LEAST_FOR_TREES:
        x = features(rows.rates[:KERNELS], rows.more)
        numbers = cuts_of(x).astype(np.float32)
        grown = TreeRows(binned(x, numbers.astype(np.float64)), rows.came, rows.stands_for)
        found, said = _members(grown, before, mix, early)
        said = _beside_usual(rows, said)
        if _found_by(rows, said, late) > _found_by(rows, shape, late):
            members, cuts, shape = found, numbers.tobytes(), said
    power = _power(rows, shape, late)
    return Fit(
        made_ms=now_ms,
        events=events,
        share=share.tolist(),
        cuts=cuts,
        members=members,
        power=power,
        level=level.tolist(),
    )


def _members(
    grown: TreeRows, before: NDArray[np.float64], mix: NDArray[np.float64], early: NDArray[np.bool_]
) -> tuple[list[Member], NDArray[np.float64]]:
    """Return trees of every kind, as many as told the last quarter of the events best.

    And what those that knew the first three quarters said together, as the logarithm of each row's rate (n,).
    """
    base = float(np.log(grown.came.sum() / grown.stands_for.sum()))
    members, said = [], np.zeros(len(mix))
    for from_mix, depth, most in _GROWN:
        start, again = (before, mix) if from_mix else (np.full(len(mix), base),) * 2
        trees, told = grow(grown, start, early, depth, most)
        best = 10 * int(told.argmax())
        log_rate = start.copy()
        trees.of(slice(best)).add_to(log_rate, grown.bins)
        said += log_rate / len(_GROWN)
        trees, _ = grow(grown, again, np.ones(len(mix), dtype=np.bool_), depth, best)
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
    return members, said


def _found_by(rows: _CellDays, shape: NDArray[np.float64], mine: NDArray[np.bool_]) -> float:
    """Return the mean weight of the events in the highest 1, 3, 5 and 10 % of the area, of some rows.

    What patrols are sent by are the highest cells; the likelihood is mostly about the many others.
    """
    order = np.argsort(-shape[mine], kind="stable")
    area = rows.stands_for[mine][order].cumsum()
    inside = np.searchsorted(area, np.array([0.01, 0.03, 0.05, 0.10]) * area[-1], side="right")
    return float(np.append(0.0, rows.came[mine][order].cumsum())[inside].mean())


def _beside_usual(rows: _CellDays, log_rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms of rates (n,) beside those of the usual cell of the same four weeks."""
    _, block = np.unique(rows.day // _BLOCK, return_inverse=True)
    usual = np.bincount(block, rows.stands_for * np.exp(log_rate)) / np.bincount(block, rows.stands_for)
    shape: NDArray[np.float64] = log_rate - np.log(usual)[block]
    return shape


def _power(rows: _CellDays, shape: NDArray[np.float64], mine: NDArray[np.bool_]) -> float:
    """Return the power of what rates are beside the usual cell's that tells best where something came, of some rows.

    Given how many came in each four weeks. A mean of cautious forecasts is too flat, one that learned noise too sharp.
    Where rates hardly differ any power suits, so that 1 has the weight of `_POWER_PRIOR`.
    """
    shape, came, stands_for = shape[mine], rows.came[mine], rows.stands_for[mine]
    _, block = np.unique(rows.day[mine] // _BLOCK, return_inverse=True)
    many, powers = np.bincount(block, came), np.arange(50, 151) / 100
    told = [
        came @ (one * shape)
        - many @ np.log(np.bincount(block, stands_for * np.exp(one * shape)))
        - _POWER_PRIOR * (one - 1.0) ** 2 / 2
        for one in powers
    ]
    return float(powers[int(np.argmax(told))])


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
    total: NDArray[np.float64] = np.exp(found.power * whole - log_mix)
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
    where = place[np.maximum(grid.cell_of(history.lon, history.lat), 0)]
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
    """Return shares by expectation-maximisation on the first days, with the usual ones as a prior.

    Each day's events say where, given how many: seasons, gaps in the data and a city that begins to report more would
    otherwise pass for short memories. Later events count more, in proportion to how much was known: long memories are
    surer by then.
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
        share = (duty.sum(axis=1) + _PRIOR * USUAL) / (whole + _PRIOR)
    return np.asarray(share / share.sum(), dtype=np.float64)


def _level(came: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much memories of the whole count, (memories, days), weigh in what came each day (days,)."""
    usual = np.append(USUAL[:KERNELS].reshape(len(TAUS), -1).sum(axis=1), USUAL[KERNELS])
    level = usual
    for _ in range(_EM_STEPS):
        duty = level[:, None] * totals
        duty *= came / np.maximum(duty.sum(axis=0), 1e-300)
        level = (duty.sum(axis=1) + _PRIOR * usual) / (totals.sum(axis=1) + _PRIOR)
    return level
