"""Writes what Grafana reads at start: ``python -m deploy.grafana.build``. A test holds that it was run."""

import json
from pathlib import Path
from typing import Final

from deploy.grafana.dashboards import FOLDERS, dashboards
from deploy.grafana.rules import GROUP, rules
from stream.sentences.languages import LANGUAGES

ROOT: Final = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return the text of every file by its path."""
    made = {
        ROOT / "provisioning" / "datasources" / "patrolgrid.yaml": _DATASOURCE,
        ROOT / "provisioning" / "dashboards" / "patrolgrid.yaml": _json(
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
        ROOT / "provisioning" / "alerting" / "patrolgrid.yaml": _json(
            {
                "apiVersion": 1,
                "groups": [
                    {
                        "orgId": 1,
                        "name": f"{GROUP}-{language}",
                        "folder": FOLDERS[language][1],
                        "interval": "1m",
                        "rules": [
                            {key: value for key, value in rule.items() if key not in {"ruleGroup", "orgID"}}
                            for rule in rules(language)
                        ],
                    }
                    for language in LANGUAGES[:1]
                ],
            }
        ),
    }
    for language in LANGUAGES:
        for uid, dashboard in dashboards(language).items():
            made[ROOT / "dashboards" / language / f"{uid}.json"] = _json(dashboard)
    return made


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


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
