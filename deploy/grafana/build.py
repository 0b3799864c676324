"""What Grafana reads at its start.

``python -m deploy.grafana.build`` writes the files that stand here, for a site whose settings say nothing (a test holds
that it was run); `patrolgrid grafana files` writes those of a site.
"""

import json
from pathlib import Path
from typing import Final

from deploy.grafana.dashboards import FOLDERS, dashboards
from deploy.grafana.rules import GROUP, rules
from ingest.files import replace_file
from ingest.places import Places
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

ROOT: Final = Path(__file__).parent


def files(site: Site | None = None, places: Places | None = None) -> dict[Path, str]:
    """Return the text of every file by its path below the folder they go to; see `dashboards` and `rules`."""
    site = site or Site()
    made = {
        Path("provisioning", "datasources", "patrolgrid.yaml"): _DATASOURCE,
        Path("provisioning", "dashboards", "patrolgrid.yaml"): _json(
            {
                "apiVersion": 1,
                "providers": [
                    {
                        "name": f"patrolgrid-{language}",
                        "folder": FOLDERS[language][1],
                        "folderUid": FOLDERS[language][0],
                        "type": "file",
                        "allowUiUpdates": False,
                        "options": {"path": f"/var/lib/patrolgrid/dashboards/{language}"},
                    }
                    for language in LANGUAGES
                ],
            }
        ),
        Path("provisioning", "alerting", "patrolgrid.yaml"): _json(
            {
                "apiVersion": 1,
                "groups": [
                    {
                        "orgId": 1,
                        "name": GROUP,
                        "folder": Sentences(site.language)("grafana-rules-folder"),
                        "interval": "1m",
                        "rules": [
                            {key: value for key, value in rule.items() if key not in {"ruleGroup", "orgID"}}
                            for rule in rules(site.language, places)
                        ],
                    }
                ],
            }
        ),
    }
    for language in LANGUAGES:
        for uid, dashboard in dashboards(language, site, places).items():
            made[Path("dashboards", language, f"{uid}.json")] = _json(dashboard)
    return made


def write(folder: Path, made: dict[Path, str]) -> None:
    """Write files below a folder, each whole or not at all."""
    for path, text in made.items():
        replace_file(folder / path, text.encode(), durable=False)


def _json(document: object) -> str:
    """Return JSON, which is YAML too."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


_DATASOURCE: Final = """\
# Grafana fills in ${...} from its environment. For InfluxDB 2 and 3: a token that reads; for 1.x leave the header out
# and set user and password where the server asks for them.
apiVersion: 1
datasources:
  - name: PatrolGrid
    uid: patrolgrid-influxdb
    type: influxdb
    access: proxy
    url: ${INFLUX_URL}
    database: ${INFLUX_BUCKET} # where Grafana 9 looks for it, later ones in jsonData
    jsonData:
      version: InfluxQL
      dbName: ${INFLUX_BUCKET}
      httpMode: POST
      timeInterval: 10s
      httpHeaderName1: Authorization
    secureJsonData:
      httpHeaderValue1: Token ${INFLUX_READ_TOKEN}
    editable: false
"""


if __name__ == "__main__":
    write(ROOT, files())
