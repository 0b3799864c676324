"""What no plan can exceed, and the best plan of a small case."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from models.patrols.task import HOLD_MIN, Task, Visit

_NOT: Final = -1e30


def upper_bound(task: Task, found: float, rounds: int = 60) -> float:
    """Return a covered risk that no plan of the task can exceed.

    Lagrangian relaxation: every piece of ground has a price at every minute, an officer is paid it however many others
    are there too, and what is above the price is given away. Each officer's best paid route is found exactly, so any
    prices give a bound; subgradient steps (Held, Wolfe and Crowder 1974) lower it. Minima are left out, which can only
    raise it.

    Parameters
    ----------
    found
        What a plan has covered: how far the steps go.
    """
    # To stand at the hottest place again and again would pay most: the best of a few caps on prices is a good begin.
    caps = np.quantile(task.rate.max(axis=1, initial=0.0), np.linspace(0.05, 1.0, 8)) if len(task.rate) else []
    price = min((np.minimum(task.rate, cap) for cap in caps), key=lambda price: _priced(task, price)[0])
    usual = np.zeros_like(task.rate)
    best, step = float(task.rate.sum()), 1.0
    for turn in range(rounds):
        bound, count = _priced(task, price)
        best, step = (bound, step) if bound < best else (best, step * 0.9)
        # Officers with the same prices all take the same route: the average over turns is what they would share.
        usual += (count - usual) * max(0.2, 1 / (turn + 1))
        slope = usual - 1.0
        slope[(price <= 0) & (slope > 0)] = 0.0
        slope[(price >= task.rate) & (slope < 0)] = 0.0
        size = float((slope**2 * task.rate).sum())
        if size <= 0 or turn == rounds - 1:
            break
        # Where there is much risk prices move by more.
        price = np.clip(price - step * max(bound - found, 0.0) / size * slope * task.rate, 0.0, task.rate)
    return best


def _priced(task: Task, price: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the bound that prices (pieces, minutes) give, and how often each is covered by those who are paid them."""
    sums = np.zeros((len(price) + 1, task.horizon + 1))
    np.cumsum(price, axis=1, out=sums[:-1, 1:])
    paid, count = 0.0, np.zeros((len(price) + 1, task.horizon))
    for number in range(len(task.officers)):
        worth, visits = _best_paid(task, number, sums)
        paid += worth
        for visit in visits:
            pieces = task.pair_piece[task.pair_place == visit.place]
            count[pieces, max(visit.arrive - HOLD_MIN, 0) : max(visit.arrive + task.stop_min + HOLD_MIN, 0)] += 1
    return float((task.rate - price).sum()) + paid, count[:-1]


def _best_paid(task: Task, number: int, sums: NDArray[np.float64]) -> tuple[float, list[Visit]]:
    """Return the most that an officer can be paid, and for which stops."""
    officer, places, stop = task.officers[number], task.places, task.stop_min
    minutes = np.arange(officer.begin_min, officer.end_min + 1)
    low, high = task.span(minutes - stop)
    pay = np.add.reduceat(sums[task.pair_piece][:, high] - sums[task.pair_piece][:, low], task.first, axis=0)
    ways, length = task.minutes[:places, :places].T, len(minutes)
    values, since = np.full((places + 1, length), _NOT), np.zeros((places + 1, length), dtype=np.int64)
    source = np.zeros((places, length), dtype=np.int64)
    # The last row is the place that is no candidate: where duty begins, later the last promised stop.
    origins = [-1]
    values[places, 0], since[places, 0] = 0.0, -1
    special, now = places + number, 0
    ends = [(block.begin, block.end, block.point) for block in task.blocks[number]]
    for at, (begin, end, point) in enumerate([*ends, (officer.end_min, officer.end_min, -1)]):
        until = begin - officer.begin_min
        reach = np.column_stack([ways, task.minutes[special, :places]])
        for rows in (values, since):
            rows[:, now : min(now + stop, until + 1)] = rows[:, now : now + 1]
            rows[-1, now : until + 1] = rows[-1, now]
        for first in range(now + stop, until + 1, stop):
            leave = np.arange(first, min(first + stop, until + 1))
            ready = leave[:, None, None] - stop - reach[None]
            flat = np.arange(places + 1)[None, None] * length + np.maximum(ready, now)
            held = np.where(ready < now, _NOT, values.ravel()[flat])
            which = np.argmax(held, axis=2)[..., None]
            top = np.take_along_axis(held, which, axis=2)[..., 0] + pay[:, leave].T
            top = np.where(minutes[leave][:, None] > task.deadline[number][at][None], _NOT, top)
            source[:, leave] = np.take_along_axis(flat, which, axis=2)[..., 0].T
            for row, minute in enumerate(leave.tolist()):
                better = top[row] > values[:-1, minute - 1]
                values[:-1, minute] = np.where(better, top[row], values[:-1, minute - 1])
                since[:-1, minute] = np.where(better, minute, since[:-1, minute - 1])
        now = end - officer.begin_min
        held = values[:, until].copy()
        values[:, now], since[:, now] = held, since[:, until]
        if point >= 0:
            best = int(np.argmax(held))
            origins.append(best * length + until)
            values[:, now] = _NOT
            values[-1, now], since[-1, now], special = held[best], -len(origins), point
    at = int(np.argmax(values[:, -1])) * length + length - 1
    worth, visits = float(values.ravel()[at]), []
    while at >= 0:
        place, left = at // length, int(since.ravel()[at])
        if left < 0:
            at = origins[-left - 1]
            continue
        visits.append(Visit(number, place, int(minutes[left]) - stop))
        at = int(source[place, left])
    return worth, visits


def optimum(task: Task, unit: int, time_limit_s: float = 60.0) -> tuple[float, float]:
    """Return what the best plan found covers, and what none can exceed: equal where it is proved to be the best.

    A flow over places and times, solved by HiGHS as a mixed integer programme. For cases of a few officers and hours.

    Parameters
    ----------
    unit
        Ways, stops and duty must be whole multiples of so many minutes from the begin of duty; all begin together,
        without breaks and promises.

    Raises
    ------
    ValueError
        For a task that is not so.
    """
    officers, places, stop = task.officers, task.places, task.stop_min
    if any(task.blocks) or task.needs.any() or len({(o.begin_min, o.end_min) for o in officers}) != 1:
        raise ValueError("officers begin and end together, without breaks, promises and minima, for an exact optimum")
    begin, end = officers[0].begin_min, officers[0].end_min
    if (task.minutes[:, :places] % unit).any() or stop % unit or (end - begin) % unit or HOLD_MIN % unit:
        raise ValueError(f"ways, stops and duty are whole multiples of {unit} minutes for an exact optimum")
    times = np.arange(begin, end + 1, unit)
    node = np.arange(places * len(times)).reshape(places, len(times))
    # An arc is a way with the stop at its end, or a wait; the last origins are where the officers begin.
    arcs: list[tuple[int, int, int, int]] = []
    for place in range(places):
        arcs += [(int(node[place, at]), int(node[place, at + 1]), -1, 0) for at in range(len(times) - 1)]
        for other in [*range(places), *(places + number for number in range(len(officers)))]:
            way = int(task.minutes[other, place])
            for at, minute in enumerate(times.tolist()):
                done = minute + way + stop
                if done <= end:
                    source = int(node[other, at]) if other < places else node.size + other - places
                    arcs.append((source, int(node[place, (done - begin) // unit]), place, done - stop))
    source, target, where, arrive = np.array(arcs).T
    made = np.flatnonzero(where >= 0)
    # Every time is a multiple of the unit, so what is covered changes only there.
    edges = np.arange(begin % unit, task.horizon, unit)
    rate = np.add.reduceat(task.rate, np.unique(np.append(0, edges)), axis=1)
    starts = np.unique(np.append(0, edges))
    pieces, slots = rate.shape
    covered = np.flatnonzero(rate.ravel() > 0)
    column = np.full(rate.size, -1)
    column[covered] = len(arcs) + np.arange(len(covered))
    many = len(arcs) + len(covered)
    flow = coo_array(
        (np.concatenate([np.ones(len(arcs)), -np.ones(len(arcs))]),
         (np.concatenate([source, target]), np.tile(np.arange(len(arcs)), 2))),
        shape=(node.size + len(officers), many),
    ).tocsr()  # fmt: skip
    rows, columns = [covered], [column[covered]]
    for arc in made.tolist():
        first, last = np.searchsorted(starts, (arrive[arc] - HOLD_MIN, arrive[arc] + stop + HOLD_MIN))
        span = np.arange(first, last)
        for piece in np.flatnonzero(task.ground.covers[where[arc]]).tolist():
            rows.append(piece * slots + span)
            columns.append(np.full(len(span), arc))
    row, col = np.concatenate(rows), np.concatenate(columns)
    data = np.where(col < len(arcs), -1.0, 1.0)
    cover = coo_array((data, (row, col)), shape=(pieces * slots, many)).tocsr()[covered]
    # What flows into a place may end there: only what leaves is bounded by what came.
    limits = np.concatenate([np.zeros(node.size), np.ones(len(officers))])
    worth = np.concatenate([np.zeros(len(arcs)), rate.ravel()[covered]])
    found = milp(
        -worth,
        constraints=[LinearConstraint(flow, -np.inf, limits), LinearConstraint(cover, -np.inf, 0.0)],
        bounds=Bounds(0.0, np.concatenate([np.full(len(arcs), len(officers)), np.ones(len(covered))])),
        integrality=np.concatenate([np.ones(len(arcs)), np.zeros(len(covered))]),
        options={"time_limit": time_limit_s, "mip_rel_gap": 1e-6},
    )
    if found.x is None:
        return 0.0, float(task.rate.sum())
    return -float(found.fun), -float(found.mip_dual_bound)
