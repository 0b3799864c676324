"""Bringing data source, folders, dashboards and alert rules to a running Grafana, and telling where it differs.

Only what carries our own uids is touched; what people made by hand stays as it is. Running it again changes nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from deploy.grafana.api import Grafana, GrafanaError
from deploy.grafana.dashboards import FOLDERS, dashboards
from deploy.grafana.outlines import outlines
from deploy.grafana.panels import DATASOURCE, Json
from deploy.grafana.rules import rules
from deploy.settings import Settings
from ingest.places import Places
from stream.sentences.languages import LANGUAGES

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was made or updated, or would be."""

    action: Literal["create", "update"]
    kind: Literal["data source", "folder", "dashboard", "alert rule"]
    name: str
    why: str = ""
    """For an update: where it differed first."""


def data_source(settings: Settings) -> Json:
    """Return the data source that reads what the node writes, with the reading token."""
    influx = settings.influx
    url = settings.grafana.influx_url or influx.url
    if not url:
        raise GrafanaError("influx.url is empty: set it to the InfluxDB that Grafana should read")
    secret = influx.read_secret("read_token")
    shape: Json = {"version": "InfluxQL", "dbName": influx.bucket, "httpMode": "POST", "timeInterval": "10s"}
    document: Json = {
        "name": "PatrolGrid", "uid": DATASOURCE["uid"], "type": "influxdb", "access": "proxy", "url": url,
        "jsonData": shape,
    }  # fmt: skip
    if influx.version == "1":
        return document | {"user": influx.read_username, "secureJsonData": {"password": secret}}
    # Grafana never tells a secret again; a fingerprint of the random token tells whether it is still the same.
    shape |= {"httpHeaderName1": "Authorization", "tokenSeen": hashlib.sha256(secret.encode()).hexdigest()[:12]}
    return document | {"secureJsonData": {"httpHeaderValue1": f"Token {secret}"}}


def sync(
    grafana: Grafana,
    source: Json,
    *,
    languages: Sequence[str] = LANGUAGES,
    places: Places | None = None,
    check: bool = False,
) -> list[Change]:
    """Make or update what is missing or differs, and return what that was; with `check`, change nothing.

    With `places`, maps have the site's beats and streets in them.

    Raises
    ------
    GrafanaError
        Grafana cannot be reached or refuses. What was done before stays done.
    """
    changes: list[Change] = []
    found = grafana.datasource(source["uid"])
    wanted = {key: value for key, value in source.items() if key != "secureJsonData"}
    _note(changes, "data source", source["name"], found, wanted)
    if not check and (found is None or differs(wanted, found)):
        grafana.put_datasource(source, new=found is None)
    for language in languages:
        uid, title = FOLDERS[language]
        folder = grafana.folder(uid)
        _note(changes, "folder", title, folder, {"title": title})
        if not check and (folder is None or folder.get("title") != title):
            grafana.put_folder(uid, title, version=None if folder is None else int(folder.get("version", 1)))
        for dashboard in dashboards(language, None if places is None else outlines(places, language)).values():
            _dashboard(grafana, dashboard, uid, changes, check=check)
    # Rules speak one language: two of each would wake people twice.
    for rule in rules(languages[0]):
        document = rule | {"folderUID": FOLDERS[languages[0]][0]}
        there = grafana.rule(rule["uid"])
        _note(changes, "alert rule", rule["title"], there, document)
        if not check and (there is None or differs(document, there)):
            grafana.put_rule(document, new=there is None)
    return changes


def _dashboard(grafana: Grafana, wanted: Json, folder: str, changes: list[Change], *, check: bool) -> None:
    """Save a dashboard where it differs; where somebody saved it at the same moment, look again."""
    wanted = {key: value for key, value in wanted.items() if key != "version"}
    for left in reversed(range(_TRIES)):
        found = grafana.dashboard(wanted["uid"])
        there = (
            None if found is None else found["dashboard"] | {"folder": found.get("meta", {}).get("folderUid", folder)}
        )
        whole = wanted | {"folder": folder}
        why = "" if there is None else differs(whole, there, exact=True)
        if there is not None and not why:
            return
        if check:
            _note(changes, "dashboard", wanted["title"], there, whole, exact=True)
            return
        try:
            grafana.put_dashboard(wanted, folder, int((there or {}).get("version", 0)))
        except GrafanaError as error:
            if error.status != 412 or not left:
                raise
        else:
            changes.append(Change("create" if there is None else "update", "dashboard", wanted["title"], why))
            return


def _note(
    changes: list[Change],
    kind: Literal["data source", "folder", "dashboard", "alert rule"],
    name: str,
    found: Json | None,
    wanted: Json,
    *,
    exact: bool = False,
) -> None:
    if found is None:
        changes.append(Change("create", kind, name))
    elif why := differs(wanted, found, exact=exact):
        changes.append(Change("update", kind, name, why))


def differs(wanted: object, found: object, *, exact: bool = False, at: str = "") -> str:
    """Return where two documents differ first, empty where they agree.

    What `found` has besides does not count: Grafana adds ids, versions and defaults of its own. With `exact` it counts
    in lists and below (a panel that somebody added), but not on top.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            if key not in found and value not in ("", None, [], {}):
                return f"{at}{key} is missing"
            if key in found and (where := differs(value, found[key], exact=exact, at=f"{at}{key}.")):
                return where
        extra = sorted(set(found) - set(wanted)) if exact and at else []
        return f"{at}{extra[0]} was added" if extra else ""
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return f"{at.rstrip('.')} has {len(found)} entries, expected {len(wanted)}"
        pairs = enumerate(zip(wanted, found, strict=True))
        return next((where for n, (a, b) in pairs if (where := differs(a, b, exact=exact, at=f"{at}{n}."))), "")
    return "" if wanted == found else at.rstrip(".")
