"""How much more one finding says than another: what decides whether people hear of a crowd or of high water again.

A finding of counts has its numbers in its `Why`: so many counted, so many expected, in so many seconds. Numbers of
unequal periods are compared as rates, but what was counted in a part of a window is taken for all of that window: a
busy minute is no busy five minutes yet, and a crowd that goes on as it began has not doubled when its first window
closes.
"""

from typing import Any, Final

from stream.sentences import Why

_LEAST_LEFT: Final = 0.1
"""Share of the usual below which less is nothing new: a street with three people in it is as empty as one with none."""

_AROUND: Final = {"late": "why", "ahead": "why", "odd_unit": "why", "still": "why", "alike": "strongest"}
"""What is said around a finding → where the finding is."""
_TWICE_AS_LOUD: Final = 10.0
"""Decibels by which noise is heard as twice as loud (Stevens, 1936)."""


def growth(kind: str, new: Why, old: Why) -> float:
    """Return how many times as much a finding says as another of its kind: 2 for a crowd that has doubled.

    For a surge that is how many people there are; for a deficit how few of the usual are left (2: half of the share);
    for a reading over its threshold how high it is; for a series how many incidents. 1 where one has no numbers.
    """
    new, old = _bare(new), _bare(old)
    if new.code == old.code == "series":
        return _number(new, "count") / max(_number(old, "count"), 1.0)
    if new.code == old.code == "threshold" and new.args["metric"] == old.args["metric"]:
        return _higher(new, old)
    if not (_counted(new) and _counted(old)):
        return 1.0
    if kind != "surge":
        left = _share(old)
        return left / _share(new) if left > _LEAST_LEFT else 1.0
    if new.args["metric"] != old.args["metric"]:
        return _share(new) / _share(old)
    at_least = _number(new, "observed") / max(_number(new, "period_s"), _number(new, "window_s"))
    return at_least * _number(old, "period_s") / max(_number(old, "observed"), 1e-9)


def _bare(why: Why) -> Why:
    """Return a finding without what is said of its lateness, its unit, or the other devices."""
    inner = why.args.get(_AROUND.get(why.code, ""))
    return _bare(inner) if isinstance(inner, Why) else why


def innermost(why: Why) -> Why:
    """Return what has begun, without all that an alert says around it: that it doubled, comes and goes, is over."""
    inner = why.args.get("why")
    return innermost(inner) if isinstance(inner, Why) else why


def _higher(new: Why, old: Why) -> float:
    value, before = _number(new, "observed"), _number(old, "observed")
    if new.args["metric"] == "noise":
        return float(2.0 ** ((value - before) / _TWICE_AS_LOUD))
    if _number(new, "limit") > value:  # what must not fall
        value, before = before, value
    return value / before if value > 0 and before > 0 else 1.0


def fuller(new: Why, old: Why) -> bool:
    """Tell whether a finding is of a whole window where the other was of a part of one, of the same metric.

    So is a series with a further incident: they are few, and each is news to whoever looks.
    """
    if new.code == "series":
        return growth("", new, old) > 1.0
    return (
        _counted(new)
        and _counted(old)
        and new.args["metric"] == old.args["metric"]
        and _number(old, "period_s") < _number(old, "window_s") <= _number(new, "period_s")
    )


def says_more(kind: str, new: Why, old: Why) -> bool | None:
    """Tell whether a finding is what an alert should go by now, instead of another; None where numbers do not tell."""
    if not (_counted(new) and _counted(old)):
        return None
    return growth(kind, new, old) > 1.0 or fuller(new, old)


def in_place_of(new: Why, old: Why) -> Why:
    """Return a finding as the newest word on what another has begun: the most so far, since then."""
    return Why(new.code, {**new.args, "most": 1, "since_ms": min(_number(new, "since_ms"), _number(old, "since_ms"))})


def together(strongest: Why, every: list[Why]) -> dict[str, Any]:
    """Return the numbers of neighbours together, over the period of the strongest; nothing where it has none.

    Numbers of a longer period are brought to that one; those of a shorter one count as they are. So it is no more than
    what is known.
    """
    if not _counted(strongest):
        return {}
    period = max(_number(strongest, "period_s"), _number(strongest, "window_s"))
    period = min(period, max(_number(one, "period_s") for one in every if _counted(one)))
    found = [one for one in every if _counted(one) and one.args["metric"] == strongest.args["metric"]]
    shares = [min(1.0, period / max(_number(one, "period_s"), 1.0)) for one in found]
    sums = {
        name: float(sum(share * _number(one, name) for share, one in zip(shares, found, strict=True)))
        for name in ("observed", "expected")
    }
    return {
        "metric": strongest.args["metric"],
        "observed": float(round(sums["observed"])),
        "expected": sums["expected"],
        "period_s": period,
        "window_s": strongest.args["window_s"],
    }


def _counted(why: Why) -> bool:
    return "window_s" in why.args


def _number(why: Why, name: str) -> float:
    value = why.args.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _share(why: Why) -> float:
    """How much of the usual there is; one more on both sides, as none of five is not as little as none of fifty."""
    return (_number(why, "observed") + 1.0) / (_number(why, "expected") + 1.0)
