"""The seven dashboards, in every language of the catalogue from one source.

Every query is InfluxQL; names come from `stream.sinks.influx.schema`, which a test checks them against. A measurement
of its own gets its panels in one function of `deploy.grafana.command` or `deploy.grafana.engineers`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from deploy.grafana import command, engineers, patrols, words
from deploy.grafana import panels as p
from deploy.grafana.outlines import names, with_places
from deploy.grafana.panels import Json
from deploy.grafana.shared import HERE, short, text_field, uid
from ingest.places import Places
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

FOLDERS: Final = {
    language: (f"patrolgrid-{short(language)}", Sentences(language)("grafana-folder")) for language in LANGUAGES
}
"""Language → uid and title of its folder. Grafana makes a name in ASCII of a title, by which it tells folders apart."""


class _Page(NamedTuple):
    """One dashboard."""

    name: str
    make: Callable[[Sentences], list[Json]]
    back: str = "now-24h"
    """Since when it shows what was."""
    refresh: str = "1m"
    grave: int = 0
    """The least `alert.level` that is marked in its charts; 0 for none: many marks hide what they stand in."""


_PAGES: Final = (
    _Page("now", command.now, back="now-6h", refresh="10s", grave=3),
    _Page("beat", command.beat, grave=2),
    _Page("hotspots", command.hotspots),
    _Page("patrols", patrols.patrols),
    _Page("devices", engineers.devices),
    _Page("pipeline", engineers.pipeline, refresh="10s"),
    _Page("replay", engineers.replay),
)
"""In the order of work: what is, where, where next, by whom; then what all this rests on."""
_ONE_BEAT: Final = {"beat"}
"""Dashboards of one beat: curves of all of them together say nothing."""


def dashboards(language: str, site: Site | None = None, places: Places | None = None) -> dict[str, Json]:
    """Return the dashboards of a language by uid.

    Times are in the zone of `site` (by default, that of settings that say nothing). With `places` maps have the site's
    beats in them (`deploy.grafana.outlines`), and beats are called by their names; without it maps look for the file
    that `deploy.grafana.panels.OUTLINES` names, and beats are called by their ids.
    """
    say = Sentences(language)
    found = {page.name: p.lay_out(page.make(say)) for page in _PAGES}
    variables = {page.name: _variables(page, found[page.name], say, places) for page in _PAGES}
    made = {}
    for page in _PAGES:
        panels = found[page.name]
        if places is not None:
            panels = [with_places(panel, places, language) for panel in panels]
        made[uid(page.name, language)] = {
            "uid": uid(page.name, language),
            "title": say(f"grafana-dashboard-{page.name}"),
            "tags": ["patrolgrid", f"patrolgrid-{language}"],
            "schemaVersion": 39,
            "version": 0,
            "editable": False,
            "graphTooltip": 1,
            "timezone": (site or Site()).timezone,
            "refresh": page.refresh,
            "time": {"from": page.back, "to": "now"},
            "templating": {"list": variables[page.name]},
            "annotations": {"list": [_marks(page, say)] if page.grave else []},
            "links": _links(page, variables, say),
            "panels": [words.codes(words.units(panel, say), say) for panel in panels],
        }
    return made


def _variables(page: _Page, panels: list[Json], say: Sentences, places: Places | None) -> list[Json]:
    """Return the variables that a query of the page asks for."""
    many = page.name not in _ONE_BEAT
    sites = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "site"'
    beats = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "beat" WHERE "site" =~ /^$site$/'
    devices = (
        'SHOW TAG VALUES FROM "device_health" WITH KEY = "device" WHERE "site" =~ /^$site$/ AND "beat" =~ /^$beat$/'
    )
    if places is None or not places.beats:
        beat = p.variable("beat", say("grafana-beat"), beats, many=many)
    else:
        beat = p.named_variable("beat", say("grafana-beat"), names(places, say.language), many=many)
    every = [
        p.variable("site", say("grafana-site"), sites, many=False),
        beat,
        p.variable("device", say("grafana-device"), devices),
    ]
    asked = " ".join(target["query"] for panel in panels for target in panel["targets"])
    return [one for one in every if f"${one['name']}" in asked]


def _marks(page: _Page, say: Sentences) -> Json:
    """Return what marks grave alerts in charts: what it is, where, and why."""
    fields = ", ".join(text_field(name, say.language) for name in ("title", "text"))
    return {
        "name": say("grafana-alerts"),
        "datasource": p.DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "target": {
            "query": f'SELECT {fields} FROM "alert" WHERE "state" = \'raised\' AND "level" >= {page.grave} AND {HERE}',
            "rawQuery": True,
            "refId": "Anno",
            "resultFormat": "table",
            "textEditor": True,
            "fromAnnotations": True,
            "titleColumn": "title",
            "textColumn": "text",
        },
    }


def _links(page: _Page, variables: dict[str, list[Json]], say: Sentences) -> list[Json]:
    """Return links to the other dashboards in the order of work, each with what is chosen here as far as it has it."""

    def chosen(name: str) -> dict[str, bool]:
        return {one["name"]: one["multi"] for one in variables[name]}

    here, made = chosen(page.name), []
    for other in _PAGES:
        there, kept = chosen(other.name), []
        for name in ("site", "beat", "device"):
            # Several beats do not fit where one is shown; and devices are those of the beats.
            if name not in here or name not in there or (here[name] and not there[name]):
                break
            kept.append(f"${{{name}:queryparam}}")
        if other is not page:
            made.append(
                {
                    "type": "link",
                    "title": say(f"grafana-dashboard-{other.name}"),
                    "url": f"/d/{uid(other.name, say.language)}?{'&'.join(kept)}",
                    "icon": "dashboard",
                    "tooltip": "",
                    "tags": [],
                    "asDropdown": False,
                    "keepTime": True,
                    "includeVars": False,
                    "targetBlank": False,
                }
            )
    return made
