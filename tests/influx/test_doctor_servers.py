"""The doctor on servers that run: it is content with what works, and names what does not."""

from __future__ import annotations

from contextlib import closing

from msgspec.structs import replace

from console.doctor import servers
from deploy.grafana.panels import DATASOURCE
from deploy.influx.setup import set_up
from deploy.settings import Settings, with_values
from tests.influx.fake_grafana import TOKEN as GRAFANA_TOKEN
from tests.influx.fake_grafana import FakeGrafana
from tests.influx.servers import TOKEN


def test_an_influxdb_that_takes_what_the_node_writes(server):
    settings = replace(Settings(), influx=server.address("doctor"))
    gone = servers.influx(settings)
    assert (gone.state, gone.todo) == ("fail", "down-do")
    assert "there is no such bucket, database or organization" in gone.values["error"]
    set_up(settings.influx, TOKEN if settings.influx.version == "2" else "")
    assert servers.influx(settings).state == "ok"
    if settings.influx.version == "2":
        refused = servers.influx(replace(settings, influx=replace(settings.influx, token=f"not {TOKEN}")))
        assert "is wrong" in refused.values["error"]


def test_a_grafana_that_has_been_filled_and_one_that_lets_nobody_in():
    with closing(FakeGrafana()) as fake:
        settings = with_values(Settings(), grafana={"url": fake.url})
        assert servers.grafana(settings).state == "fail"
        settings = replace(settings, grafana=replace(settings.grafana, token=GRAFANA_TOKEN))
        assert (servers.grafana(settings).state, servers.grafana(settings).code) == ("warn", "empty")
        fake.datasources[DATASOURCE["uid"]] = {"uid": DATASOURCE["uid"]}
        assert servers.grafana(settings).state == "ok"
        fake.version = "8.5.0"
        assert "expected 9.4 or newer" in servers.grafana(settings).values["error"]
