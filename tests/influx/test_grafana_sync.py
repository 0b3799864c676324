"""`patrolgrid grafana`: what it makes, that it makes it once, that it says what differs, and its errors."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from console.cli.main import main
from deploy.grafana.api import Grafana, GrafanaError
from deploy.grafana.build import files
from deploy.grafana.dashboards import FOLDERS, dashboards
from deploy.grafana.panels import DATASOURCE
from deploy.grafana.rules import rules
from deploy.grafana.shared import short, uid
from deploy.grafana.sync import Change, data_source, differs, sync
from deploy.settings.load import load_settings
from simulators.world.neighbourhood import QUARTER
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES
from tests.influx.fake_grafana import READER, TOKEN, FakeGrafana, slug
from tests.support import free_port

ENVIRONMENT = {
    "PATROLGRID_INFLUX__URL": "http://influx:8086",
    "PATROLGRID_INFLUX__READ_TOKEN": "reading",
    "PATROLGRID_GRAFANA__TOKEN": TOKEN,
}
SOURCE = data_source(load_settings(None, ENVIRONMENT))
NOW = uid("now", "en")


@pytest.fixture
def fake(request):
    made = FakeGrafana(old=getattr(request, "param", False))
    yield made
    made.close()


both = pytest.mark.parametrize("fake", [False, True], ids=["11", "9.4"], indirect=True)
"""With the answers of today's Grafana, and with those of 9.4."""


@pytest.fixture
def grafana(fake):
    made = Grafana(fake.url, TOKEN)
    yield made
    made.close()


@both
def test_it_makes_everything_once(fake, grafana):
    changes = sync(grafana, SOURCE)
    assert {change.action for change in changes} == {"create"}
    assert set(fake.dashboards) == {*dashboards("en"), *dashboards("zh-CN")}
    source = fake.datasources[DATASOURCE["uid"]]
    assert source["jsonData"]["dbName"] == source["database"] == "patrolgrid"
    assert len(fake.rules) == len(rules("en"))
    assert {rule["folderUID"] for rule in fake.rules.values()} == {"patrolgrid-rules"}
    assert len(changes) == 1 + 3 + 14 + len(fake.rules)
    writes = fake.writes
    assert sync(grafana, SOURCE) == []
    assert fake.writes == writes


@both
def test_a_check_tells_and_changes_nothing(fake, grafana):
    assert len(sync(grafana, SOURCE, check=True)) == 18 + len(rules("en"))
    assert fake.writes == 0
    sync(grafana, SOURCE)
    fake.dashboards[NOW]["dashboard"]["panels"][0]["title"] = "moved"
    fake.rules[rules("en")[0]["uid"]]["for"] = "1h"
    writes = fake.writes
    assert sync(grafana, SOURCE, check=True) == [
        Change("update", "dashboard", "Now", "panels.0.title"),
        Change("update", "alert rule", "A beat sends no data", "for"),
    ]
    assert fake.writes == writes


def test_drift_is_brought_back_and_hand_made_dashboards_stay(fake, grafana):
    sync(grafana, SOURCE)
    own = {"dashboard": {"uid": "mine", "title": "Mine", "version": 4}, "meta": {"folderUid": "patrolgrid-en"}}
    fake.dashboards["mine"] = copy.deepcopy(own)
    fake.dashboards[NOW]["dashboard"]["panels"].append({"type": "text"})
    fake.folders["patrolgrid-zh"]["title"] = "other"
    fake.datasources[DATASOURCE["uid"]]["url"] = "http://elsewhere"
    assert {change.kind for change in sync(grafana, SOURCE)} == {"dashboard", "folder", "data source"}
    assert fake.dashboards[NOW]["dashboard"]["panels"] == dashboards("en")[NOW]["panels"]
    assert fake.dashboards["mine"] == own
    assert sync(grafana, SOURCE) == []


def test_a_new_token_is_seen_though_grafana_never_tells_it(fake, grafana):
    sync(grafana, SOURCE)
    other = data_source(load_settings(None, ENVIRONMENT | {"PATROLGRID_INFLUX__READ_TOKEN": "another"}))
    assert [change.why for change in sync(grafana, other)] == ["jsonData.tokenSeen"]
    assert "another" not in str(fake.datasources)


def test_somebody_who_saves_at_the_same_moment_is_not_written_over_blindly(fake, grafana):
    sync(grafana, SOURCE)
    fake.dashboards[NOW]["dashboard"]["title"] = "Then"
    left = [1]

    def quicker(saved):
        if saved == NOW and left:
            left.pop()
            fake.dashboards[NOW]["dashboard"]["version"] += 1

    fake.before_save = quicker
    assert [change.name for change in sync(grafana, SOURCE)] == ["Now"]
    assert not left


def test_a_conflict_that_stays_is_an_error(fake, grafana):
    fake.folders["patrolgrid-en"] = {"uid": "patrolgrid-en", "title": "PatrolGrid", "version": 1}
    fake.dashboards["x"] = {"dashboard": {"title": "Now", "version": 1}, "meta": {"folderUid": "patrolgrid-en"}}
    with pytest.raises(GrafanaError, match="status 412: A dashboard with the same name already exists"):
        sync(grafana, SOURCE)


def test_rules_are_there_once_whichever_dashboards_are_asked_for(fake, grafana):
    sync(grafana, SOURCE)
    writes = fake.writes
    assert sync(grafana, SOURCE, languages=["zh-CN"]) == []
    assert fake.writes == writes
    titles = {rule["title"] for rule in fake.rules.values()}
    changes = sync(grafana, SOURCE, site=Site(language="zh-CN"), languages=["en"])
    assert {change.kind for change in changes} == {"alert rule", "folder"}
    assert len(fake.rules) == len(titles)
    assert titles.isdisjoint(rule["title"] for rule in fake.rules.values())


@both
def test_the_rules_of_0_2_which_were_there_once_a_language_are_taken_away(fake, grafana):
    sync(grafana, SOURCE)
    for language in ("en", "zh"):
        fake.rules[f"patrolgrid-lag-{language}"] = fake.rules["patrolgrid-lag"] | {"folderUID": "patrolgrid-en"}
    told = [Change("delete", "alert rule", f"patrolgrid-lag-{language}") for language in ("en", "zh")]
    assert sync(grafana, SOURCE, check=True) == told
    assert sync(grafana, SOURCE) == told
    assert fake.rules.keys() == {rule["uid"] for rule in rules("en")}
    assert sync(grafana, SOURCE) == []


def fill_from_files(fake, site):
    """What Grafana holds after a start with the files of `patrolgrid grafana files`."""
    made = files(site)
    for path, text in made.items():
        if path.suffix == ".json":
            document, folder = json.loads(text), f"patrolgrid-{short(path.parent.name)}"
            fake.folders.setdefault(folder, {"uid": folder, "title": FOLDERS[path.parent.name][1], "version": 1})
            fake.dashboards[document["uid"]] = {
                "dashboard": document | {"id": 1, "version": 3}, "meta": {"folderUid": folder, "provisioned": True}
            }  # fmt: skip
    [group] = json.loads(made[Path("provisioning", "alerting", "patrolgrid.yaml")])["groups"]
    fake.folders["x1"] = {"uid": "x1", "title": group["folder"], "version": 1}
    for rule in group["rules"]:
        fake.rules[rule["uid"]] = rule | {
            "provenance": "file", "folderUID": "x1", "ruleGroup": group["name"], "orgID": 1,
        }  # fmt: skip
    fake.datasources[DATASOURCE["uid"]] = {
        "uid": DATASOURCE["uid"], "name": "PatrolGrid", "type": "influxdb", "readOnly": True, "url": "http://influxdb",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_grafana_that_reads_files_is_recognised_and_left_alone(fake, grafana, language):
    site = Site(language=language, timezone="Pacific/Auckland")
    fill_from_files(fake, site)
    assert sync(grafana, SOURCE, site=site) == []
    fake.dashboards[NOW]["dashboard"]["timezone"] = "browser"
    assert sync(grafana, SOURCE, site=site, check=True) == [Change("update", "dashboard", "Now", "timezone")]
    with pytest.raises(GrafanaError, match=r"the dashboard Now from a file .*patrolgrid grafana files"):
        sync(grafana, SOURCE, site=site)
    assert fake.writes == 0


def test_folders_have_names_that_grafana_tells_apart():
    titles = [title for _, title in FOLDERS.values()]
    titles += [Sentences(language)("grafana-rules-folder") for language in LANGUAGES]
    assert len({slug(title) for title in titles}) == len(titles)


def test_a_grafana_that_is_too_old_is_told(fake, grafana):
    fake.version = "8.5.27"
    with pytest.raises(GrafanaError, match=r"version 8.5.27, expected 9.4 or newer"):
        sync(grafana, SOURCE)
    fake.version = ""  # it may be told to keep it to itself
    sync(grafana, SOURCE)


@pytest.mark.parametrize(
    ("token", "text"), [("wrong", "status 401.*the token is wrong"), (READER, "status 403.*role Admin")]
)
def test_a_wrong_or_weak_token_is_told(fake, token, text):
    weak = Grafana(fake.url, token)
    with pytest.raises(GrafanaError, match=text):
        sync(weak, SOURCE)
    weak.close()


def test_a_grafana_that_is_not_there_and_an_address_that_is_none_are_told():
    away = Grafana(f"http://127.0.0.1:{free_port()}", TOKEN, timeout_s=1)
    with pytest.raises(GrafanaError, match="cannot be reached"):
        sync(away, SOURCE)
    away.close()
    with pytest.raises(GrafanaError, match="expected an address such as"):
        Grafana("grafana", TOKEN)


def test_the_command(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert main(["grafana", "sync", "--lang", "en"]) == 2
    monkeypatch.setenv("PATROLGRID_GRAFANA__URL", fake.url)
    assert main(["grafana", "check", "--lang", "en"]) == 1
    assert "would create" in capsys.readouterr().out
    assert main(["grafana", "sync", "--lang", "zh-CN"]) == 0
    assert "已创建" in capsys.readouterr().out
    assert main(["grafana", "sync", "--check", "--lang", "en"]) == 0
    told = capsys.readouterr()
    assert "as it should be" in told.out
    assert "places.geojson is not there" in told.err


def test_files_are_those_of_the_site(tmp_path, monkeypatch, capsys):
    """Its zone, its language of rules, its beats: by their names, and on maps."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "places.geojson").write_bytes(QUARTER.read_bytes())
    (tmp_path / "patrolgrid.toml").write_text(
        '[site]\ntimezone = "Pacific/Auckland"\nlanguage = "zh-CN"\nplaces = "places.geojson"\n'
    )
    assert main(["grafana", "files", "made", "--lang", "en"]) == 0
    assert "17 files" in capsys.readouterr().out
    now = json.loads((tmp_path / "made/dashboards/zh-CN/patrolgrid-now-zh.json").read_text("utf-8"))
    assert now["timezone"] == "Pacific/Auckland"
    assert "学府坊 : academy" in now["templating"]["list"][1]["query"]
    text = (tmp_path / "made/provisioning/alerting/patrolgrid.yaml").read_text("utf-8")
    assert '{{ else if eq $beat \\"academy\\" }}{{ \\"学府坊\\" }}' in text


def test_what_grafana_adds_is_no_difference():
    assert differs({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2, "d": 3}, "id": 9}) == ""
    assert differs({"a": [1]}, {"a": [1, 2]}) == "a has 2 entries, expected 1"
    assert differs({"b": {"c": 2}}, {"b": {"c": 2, "d": 3}}, exact=True) == "b.d was added"
    assert differs({"a": 1}, {}) == "a is missing"
