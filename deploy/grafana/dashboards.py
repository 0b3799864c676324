"""The seven dashboards, in every language of the catalogue from one source.

Every query is InfluxQL; names come from `stream.sinks.influx.schema`, which a test checks them against. A measurement
of its own gets its panels in one function of `deploy.grafana.command` or `deploy.grafana.engineers`.
"""

from typing import Final

from deploy.grafana import command, engineers, patrols
from deploy.grafana import panels as p
from deploy.grafana.outlines import LABEL
from deploy.grafana.panels import Json
from deploy.grafana.shared import HERE, short, text_field, uid
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

FOLDERS: Final = {
    language: (f"patrolgrid-{short(language)}", Sentences(language)("grafana-folder")) for language in LANGUAGES
}
"""Language → uid and title of its folder."""


def dashboards(language: str, outlines: str | None = None) -> dict[str, Json]:
    """Return the dashboards of a language by uid.

    `outlines` is where maps find the site's beats (`deploy.grafana.outlines`); without it they look for the file that
    `deploy.grafana.panels.OUTLINES` names.
    """
    say = Sentences(language)
    made = [
        _dashboard(name, title, make(say), say)
        for name, title, make in (
            ("now", say("grafana-dashboard-now"), command.now),
            ("beat", say("grafana-dashboard-beat"), command.beat),
            ("hotspots", say("grafana-dashboard-hotspots"), command.hotspots),
            ("patrols", say("grafana-dashboard-patrols"), patrols.patrols),
            ("devices", say("grafana-dashboard-devices"), engineers.devices),
            ("pipeline", say("grafana-dashboard-pipeline"), engineers.pipeline),
            ("replay", say("grafana-dashboard-replay"), engineers.replay),
        )
    ]
    if outlines is not None:
        for one in made:
            one["panels"] = [p.with_outlines(panel, outlines, LABEL) for panel in one["panels"]]
    return {one["uid"]: one for one in made}


def _dashboard(name: str, title: str, found: list[Json], say: Sentences) -> Json:
    variables = [
        p.variable("site", say("grafana-site"), 'SHOW TAG VALUES FROM "device_health" WITH KEY = "site"', many=False)
    ]
    beats = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "beat" WHERE "site" =~ /^$site$/'
    devices = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "device" WHERE "beat" =~ /^$beat$/'
    variables.append(p.variable("beat", say("grafana-beat"), beats))
    variables.append(p.variable("device", say("grafana-device"), devices))
    annotation = {
        "name": say("grafana-alerts"),
        "datasource": p.DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "target": {
            "query": f'SELECT {text_field("text", say.language)} FROM "alert" WHERE "state" = \'raised\' AND {HERE}',
            "rawQuery": True,
            "refId": "Anno",
            "resultFormat": "table",
            "textEditor": True,
            "fromAnnotations": True,
            "textColumn": "text",
            "tagsColumn": "kind,device",
        },
    }
    tag = f"patrolgrid-{say.language}"
    return {
        "uid": uid(name, say.language),
        "title": title,
        "tags": ["patrolgrid", tag],
        "schemaVersion": 39,
        "version": 0,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s" if name in {"now", "pipeline"} else "1m",
        "time": {"from": "now-6h" if name == "now" else "now-24h", "to": "now"},
        "templating": {"list": variables},
        "annotations": {"list": [annotation]},
        "links": [
            {
                "type": "dashboards",
                "title": say("grafana-dashboards"),
                "tags": [tag],
                "asDropdown": False,
                "keepTime": True,
                "includeVars": True,
                "targetBlank": False,
            }
        ],
        "panels": p.lay_out(found),
    }
