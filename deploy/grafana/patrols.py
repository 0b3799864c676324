"""The dashboard of patrols: planned against delivered. And what was reported, for the dashboard of hotspots."""

from typing import Final

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import BLUE, RED, YELLOW, Json, known, override, target
from deploy.grafana.shared import BAD_FINE, HERE, go
from stream.sentences.catalogue import Sentences

_STOPS: Final = f"\"officer\" != '' AND {HERE}"
_MINUTES: Final = ("planned_min", "delivered_min")


def patrols(say: Sentences) -> list[Json]:
    """Return what officers were to do, and what came of it."""
    sums = ", ".join(f'sum("{name}") AS "{name}"' for name in (*_MINUTES, "done", "skipped"))
    planned, delivered = (say("grafana-column", column=name) for name in _MINUTES)
    over_time = (
        f'SELECT sum("planned_min") AS "{planned}", sum("delivered_min") AS "{delivered}" FROM "patrol" '
        f"WHERE {_STOPS} GROUP BY time(1h) fill(null)"
    )
    shares = (
        f'SELECT last("share") AS "share", last("reported") AS "reported" FROM "patrol" '
        f'WHERE "officer" = \'\' AND {HERE} GROUP BY "beat"'
    )

    def by(tag: str) -> Json:
        columns = (*_MINUTES, "done", "skipped")
        return p.table(
            say("grafana-delivered-by", tag=tag),
            f'SELECT {sums} FROM "patrol" WHERE {_STOPS} GROUP BY "{tag}"',
            size=(12, 8),
            unit="m",
            decimals=0,
            transformations=[p.sorted_by(tag), p.ordered(tag, *columns)],
            overrides=[
                *words.columns(say, tag, *columns),
                *words.hidden("Time"),
                *(override(name, unit="none") for name in ("done", "skipped")),
            ],
        )

    return [
        p.stat(
            say("grafana-delivered-share"),
            f'SELECT sum("delivered_min") / sum("planned_min") AS "share" FROM "patrol" WHERE {_STOPS}',
            size=(6, 4),
            unit="percentunit",
            decimals=0,
            steps=BAD_FINE,
        ),
        p.stat(
            say("grafana-stops-planned"),
            f'SELECT sum("stops") AS "stops" FROM "patrol" WHERE {_STOPS}',
            size=(6, 4),
        ),
        p.stat(
            say("grafana-stops-done"),
            f'SELECT sum("done") AS "done" FROM "patrol" WHERE {_STOPS}',
            size=(6, 4),
        ),
        p.stat(
            say("grafana-stops-skipped"),
            f'SELECT sum("skipped") AS "skipped" FROM "patrol" WHERE {_STOPS}',
            size=(6, 4),
            steps=known((0, BLUE), (1, YELLOW), (5, RED)),
        ),
        p.lines(
            say("grafana-planned-and-delivered"),
            [target(over_time, alias="$col")],
            unit="m",
            decimals=0,
            size=(24, 8),
        ),
        by("officer"),
        by("beat"),
        p.timeline(
            say("grafana-stops-over-time"),
            [target(f'SELECT "state" FROM "patrol" WHERE {_STOPS} GROUP BY "officer"', alias="$tag_officer")],
            overrides=words.stop_states(say),
        ),
        p.table(
            say("grafana-shares"),
            shares,
            size=(24, 8),
            unit="percentunit",
            decimals=0,
            description=say("grafana-shares-help"),
            transformations=[p.sorted_by("beat"), p.ordered("beat", "share", "reported")],
            overrides=[*words.columns(say, "beat", "share", "reported"), *words.hidden("Time")],
            links=go(say.language, "hotspots", say("grafana-dashboard-hotspots"), "beat"),
            linked="beat",
        ),
    ]


def incidents(say: Sentences) -> list[Json]:
    """Return what was reported, by what it was and by whom it came."""
    counted = f'SELECT sum("count") FROM "incident" WHERE {HERE} GROUP BY time(1h)'
    return [
        p.bars(
            say("grafana-incidents-by", tag=tag),
            [target(f'{counted}, "{tag}" fill(none)', alias=f"$tag_{tag}")],
            overrides=named(say),
        )
        for tag, named in (("category", words.categories), ("provenance", words.provenances))
    ]
