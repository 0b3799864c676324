"""Bringing data source, folders, dashboards and alert rules to a running Grafana, and telling where it differs.

Only what carries our own uids is touched; what people made by hand stays as it is. Running it again changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from deploy.grafana.api import Grafana, GrafanaError
from deploy.grafana.dashboards import FOLDERS, dashboards
from deploy.grafana.panels import DATASOURCE, Json
from deploy.grafana.rules import FOLDER, earlier, rules
from deploy.settings import Settings
from ingest.places import Places
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

Kind = Literal["data source", "folder", "dashboard", "alert rule"]
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was made, updated or taken away, or would be."""

    action: Literal["create", "update", "delete"]
    kind: Kind
    name: str
    why: str = ""
    """For an update: where it differed first."""


@dataclass(frozen=True, slots=True)
class _Thing:
    """One thing as it shall be, and as it is."""

    kind: Kind
    name: str
    wanted: Json | None
    """None: it shall not be there."""
    found: Json | None
    put: Callable[[Json | None], None]
    """Makes it as it shall be; takes what was found."""
    exact: bool = False
    from_file: bool = False

    def change(self) -> Change | None:
        """Return what is to be done, None for nothing."""
        if self.wanted is None:
            return Change("delete", self.kind, self.name)
        if self.found is None:
            return Change("create", self.kind, self.name)
        why = differs(self.wanted, self.found, exact=self.exact)
        return Change("update", self.kind, self.name, why) if why else None


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
        "database": influx.bucket,  # where Grafana 9 looks for it, later ones in jsonData
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
    site: Site | None = None,
    languages: Sequence[str] = LANGUAGES,
    places: Places | None = None,
    check: bool = False,
) -> list[Change]:
    """Make or update what is missing or differs, and return what that was; with `check`, change nothing.

    `languages` are those of the dashboards. Alert rules are there once, in the language of `site`: two of each would
    call people twice. Times are in its zone. With `places`, maps have the site's beats and streets in them.

    Raises
    ------
    GrafanaError
        Grafana cannot be reached, is too old or refuses; what was done before stays done. Or it reads its dashboards
        from files, and something differs from them: then nothing was changed.
    """
    site = site or Site()
    grafana.check_version()
    things = [_source(grafana, source), *_dashboards(grafana, site, languages, places), *_rules(grafana, site, places)]
    todo = [(thing, change) for thing in things if (change := thing.change()) is not None]
    if not check:
        files = next((thing for thing, _ in todo if thing.from_file), None)
        if files is not None:
            raise GrafanaError(
                f"Grafana at {grafana.url} has the {files.kind} {files.name} from a file (provisioning), which may not "
                "be changed: bring the files up to date (patrolgrid grafana files), or take them away and sync again"
            )
        for thing, _ in todo:
            thing.put(thing.found)
    return [change for _, change in todo]


def _source(grafana: Grafana, source: Json) -> _Thing:
    found = grafana.datasource(source["uid"])
    wanted = {key: value for key, value in source.items() if key != "secureJsonData"}
    from_file = bool((found or {}).get("readOnly"))
    if from_file:
        # Address, database and token are the file's business: Grafana's machine may know them by other names.
        wanted = {key: source[key] for key in ("name", "type")}

    def put(found: Json | None) -> None:
        grafana.put_datasource(source, new=found is None)

    return _Thing("data source", source["name"], wanted, found, put, from_file=from_file)


def _folder(grafana: Grafana, uid: str, title: str) -> _Thing:
    def put(found: Json | None) -> None:
        grafana.put_folder(uid, title, version=None if found is None else int(found.get("version", 1)))

    return _Thing("folder", title, {"title": title}, grafana.folder(uid), put)


def _dashboards(grafana: Grafana, site: Site, languages: Sequence[str], places: Places | None) -> Iterator[_Thing]:
    for language in languages:
        folder, title = FOLDERS[language]
        yield _folder(grafana, folder, title)
        for dashboard in dashboards(language, site, places).values():
            yield _dashboard(grafana, {key: value for key, value in dashboard.items() if key != "version"}, folder)


def _dashboard(grafana: Grafana, wanted: Json, folder: str) -> _Thing:
    def look() -> tuple[Json | None, bool]:
        """Return it as it is, with its folder, and whether it comes from a file: then the file says which folder."""
        found = grafana.dashboard(wanted["uid"])
        if found is None:
            return None, False
        meta = found.get("meta", {})
        from_file = bool(meta.get("provisioned"))
        return found["dashboard"] | {"folder": folder if from_file else meta.get("folderUid", folder)}, from_file

    def put(found: Json | None) -> None:
        """Save it; where somebody saved it at the same moment, look again."""
        for left in reversed(range(_TRIES)):
            try:
                grafana.put_dashboard(wanted, folder, int((found or {}).get("version", 0)))
            except GrafanaError as error:
                if error.status != 412 or not left:
                    raise
                found, _ = look()
                if found is not None and not differs(whole, found, exact=True):
                    return
            else:
                return

    whole = wanted | {"folder": folder}
    found, from_file = look()
    return _Thing("dashboard", wanted["title"], whole, found, put, exact=True, from_file=from_file)


def _rules(grafana: Grafana, site: Site, places: Places | None) -> Iterator[_Thing]:
    things = []
    for rule in rules(site.language, places):
        found, document = grafana.rule(rule["uid"]), rule | {"folderUID": FOLDER}
        # Grafana 9 does not say whether a rule is paused; and where it is from a file, that says which folder.
        untold = {"isPaused"} - (found or {}).keys()
        from_file = (found or {}).get("provenance") == "file"
        untold |= {"folderUID", "ruleGroup"} if from_file else set()
        told = {key: value for key, value in document.items() if key not in untold}
        things.append(
            _Thing("alert rule", rule["title"], told, found, _rule_put(grafana, document), from_file=from_file)
        )
        for uid in earlier(rule["uid"]):
            if (there := grafana.rule(uid)) is not None:
                gone = partial(_rule_gone, grafana, uid)
                from_file = there.get("provenance") == "file"
                things.append(_Thing("alert rule", uid, None, there, gone, from_file=from_file))
    if not all(thing.from_file for thing in things):
        yield _folder(grafana, FOLDER, Sentences(site.language)("grafana-rules-folder"))
    yield from things


def _rule_put(grafana: Grafana, document: Json) -> Callable[[Json | None], None]:
    return lambda found: grafana.put_rule(document, new=found is None)


def _rule_gone(grafana: Grafana, uid: str, _found: Json | None) -> None:
    grafana.delete_rule(uid)


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
