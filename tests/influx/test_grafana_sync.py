"""`patrolgrid grafana`: what it makes, that it makes it once, that it says what differs, and its errors."""

from __future__ import annotations

import copy

import pytest

from console.cli.main import main
from deploy.grafana.api import Grafana, GrafanaError
from deploy.grafana.dashboards import dashboards
from deploy.grafana.panels import DATASOURCE
from deploy.grafana.rules import rules
from deploy.grafana.shared import uid
from deploy.grafana.sync import Change, data_source, differs, sync
from deploy.settings.load import load_settings
from tests.influx.fake_grafana import READER, TOKEN, FakeGrafana
from tests.support import free_port

ENVIRONMENT = {
    "PATROLGRID_INFLUX__URL": "http://influx:8086",
    "PATROLGRID_INFLUX__READ_TOKEN": "reading",
    "PATROLGRID_GRAFANA__TOKEN": TOKEN,
}
SOURCE = data_source(load_settings(None, ENVIRONMENT))
NOW = uid("now", "en")


@pytest.fixture
def fake():
    made = FakeGrafana()
    yield made
    made.close()


@pytest.fixture
def grafana(fake):
    made = Grafana(fake.url, TOKEN)
    yield made
    made.close()


def test_it_makes_everything_once(fake, grafana):
    changes = sync(grafana, SOURCE)
    assert {change.action for change in changes} == {"create"}
    assert set(fake.dashboards) == {*dashboards("en"), *dashboards("zh-CN")}
    assert fake.datasources[DATASOURCE["uid"]]["jsonData"]["dbName"] == "patrolgrid"
    assert len(fake.rules) == len(rules("en"))
    assert {rule["folderUID"] for rule in fake.rules.values()} == {"patrolgrid-en"}
    assert len(changes) == 1 + 2 + 14 + len(fake.rules)
    writes = fake.writes
    assert sync(grafana, SOURCE) == []
    assert fake.writes == writes


def test_a_check_tells_and_changes_nothing(fake, grafana):
    assert len(sync(grafana, SOURCE, check=True)) == 17 + len(rules("en"))
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


def test_a_provisioned_dashboard_is_told(fake, grafana):
    sync(grafana, SOURCE)
    fake.dashboards[NOW]["meta"]["provisioned"] = True
    fake.dashboards[NOW]["dashboard"]["title"] = "Then"
    with pytest.raises(GrafanaError, match="Cannot save provisioned dashboard"):
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
    assert "as it should be" in capsys.readouterr().out


def test_what_grafana_adds_is_no_difference():
    assert differs({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2, "d": 3}, "id": 9}) == ""
    assert differs({"a": [1]}, {"a": [1, 2]}) == "a has 2 entries, expected 1"
    assert differs({"b": {"c": 2}}, {"b": {"c": 2, "d": 3}}, exact=True) == "b.d was added"
    assert differs({"a": 1}, {}) == "a is missing"
