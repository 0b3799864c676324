"""Every panel is proven: all queries of all dashboards, filled in, against real servers that a demo has fed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, get_args

import pytest

from deploy.grafana.build import ROOT, files
from deploy.grafana.dashboards import dashboards
from deploy.grafana.rules import rules
from ingest.events import Provenance
from ingest.vocabulary import ALERT_KINDS, INCIDENT_CATEGORIES, WITH_RULES, Kind, Reason
from simulators.world.scenarios import KINDS
from stream.config import Site
from stream.sentences.languages import LANGUAGES
from stream.sinks.influx.address import Address
from stream.sinks.influx.backlog import Backlog
from stream.sinks.influx.http import connect
from stream.sinks.influx.schema import MEASUREMENTS
from stream.sinks.influx.sender import Sender
from tests.influx.servers import missing, two_path

HOUR_MS = 3_600_000
PATIENT = {
    "PATROLGRID_PIPELINE__LATENESS_S": "1200",
    "PATROLGRID_PIPELINE__GRACE_S": "1200",
    "PATROLGRID_PATROL__EFFORT_S": "0.1",
}
"""At 400 times real time half a second on a busy machine would make everything late, and late things raise nothing."""


AGENT = b"device_health,beat=b1,device=cam-1,site=demo queue=3i,disk_free_mb=900.0 "
FOUND = b"truth,beat=academy,name=smoke,site=demo active=1i,found=1i,delay_s=30 "


class Tee(BaseHTTPRequestHandler):
    """Takes 1.x writes and passes them to every endpoint."""

    endpoints: ClassVar[list[Any]] = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(204)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/write"):
            for endpoint in self.endpoints:
                endpoint.write(body)
            self._answer(204)
        else:
            self._answer(200, b'{"results":[{}]}')

    def _answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("X-Influxdb-Version", "1.6.7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def fed(tmp_path_factory, request):
    """Servers with what one demo sent, and the time it ended.

    Its seed spoils five messages in the first seconds: other seeds spoil none in a whole run on a busy machine.
    """
    folder = tmp_path_factory.mktemp("demo")
    servers = {name: request.getfixturevalue(name) for name in (("one", "two") if two_path() else ("one",))}
    Tee.endpoints = []
    for server in servers.values():
        server.database("patrolgrid")
        Tee.endpoints.append(connect(server.address("patrolgrid")))
    tee = ThreadingHTTPServer(("127.0.0.1", 0), Tee)
    threading.Thread(target=tee.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{tee.server_port}"
    try:
        report = folder / "report.json"
        subprocess.run(
            [sys.executable, "-m", "console.cli", "demo", "--headless", "--duration", "12", "--speed", "400",
             "--backfill", "0.1d", "--seed", "2", "--data-dir", str(folder), "--report", str(report),
             "--influx", address],
            check=True, timeout=180, cwd=folder, capture_output=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("PATROLGRID_")} | PATIENT,
        )  # fmt: skip
        _send_the_rest(folder / "demo" / "influx.db", Address(url=address, bucket="patrolgrid", version="1"))
        told = json.loads(report.read_text())
        for endpoint in Tee.endpoints:
            # On a very busy machine all comes late, and a demo finds nothing that really happened.
            endpoint.write(FOUND + str(told["event_start_ms"] // 1000).encode())
            endpoint.write(AGENT + str(told["event_start_ms"] // 1000).encode())  # a demo's devices have none
        yield servers, told
    finally:
        tee.shutdown()
        tee.server_close()
        for endpoint in Tee.endpoints:
            endpoint.close()


def _send_the_rest(path, address):
    """Send what a node that ended on a busy machine would have sent after its next start."""
    refused: list[Any] = []
    backlog = Backlog(path, max_bytes=1 << 30)
    sender = Sender(backlog, lambda: connect(address), refused.extend, max_wait_s=0.1)
    assert sender.drain(60)
    assert sender.close()
    backlog.close()
    assert refused == []


def filled(query, report, newest=None, **chosen):
    """Fill in what Grafana would, which asks at the time of the newest point of each measurement."""
    # Until the node has ended its clock runs on, at 400 times real time: a busy machine's last words are hours later.
    begin, end = report["event_start_ms"] - 12 * HOUR_MS, report["event_end_ms"] + 72 * HOUR_MS
    values = {"site": "demo", "beat": ".*", "device": ".*"} | chosen
    query = query.replace("$timeFilter", f"time >= {begin}ms AND time <= {end}ms").replace("$__interval", "1h")
    if "${__to}" in query:
        measurement = re.findall(r'FROM "(\w+)"', query)[0]
        query = query.replace("${__to}", str(newest[measurement] + 1000))
    for name, value in values.items():
        query = re.sub(rf"\${name}\b", value.replace("\\", r"\\"), query)
    assert not re.search(r"\$\w", query), query
    return query


def queries():
    for language in LANGUAGES:
        for uid, dashboard in dashboards(language).items():
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    yield f"{uid}-{panel['id']}{target['refId']}", target["query"]
            for variable in dashboard["templating"]["list"]:
                yield f"{uid}-{variable['name']}", variable["query"]
            for annotation in dashboard["annotations"]["list"]:
                yield f"{uid}-annotation", annotation["target"]["query"]
        for rule in rules(language):
            yield rule["uid"], rule["data"][0]["model"]["query"]
    for measurement in MEASUREMENTS.values():
        if measurement.written:
            yield f"schema-{measurement.name}", measurement.example


def test_every_query_answers_from_what_a_demo_sent(fed):
    """One test, so that there is one demo: every query on every server, narrowing by variables, and the sums."""
    servers, report = fed
    empty = []
    for version, server in servers.items():
        # The node's last words come hours after its last windows, see `filled`.
        newest = {
            name: server.query("patrolgrid", statement)[0]["time"]
            for name, statement in (
                ("alert", 'SELECT last("open") FROM "alert"'),
                ("device_health", 'SELECT last("online") FROM "device_health"'),
                ("hotspot", 'SELECT last("current") FROM "hotspot"'),
                ("pipeline", 'SELECT last("now_ms") FROM "pipeline"'),
            )
        }
        for name, query in queries():
            rows = server.query("patrolgrid", filled(query, report, newest))
            values = (value for row in rows for key, value in row.items() if key not in {"time", "measurement"})
            if all(value is None for value in values):
                empty.append((version, name, filled(query, report, newest)))
    assert not empty, "\n".join(map(str, empty))
    query = 'SELECT sum("received") FROM "device_health" WHERE "beat" =~ /^$beat$/ AND $timeFilter GROUP BY "beat"'
    assert len(servers["one"].query("patrolgrid", filled(query, report))) > 1
    assert len(servers["one"].query("patrolgrid", filled(query, report, beat="creekside"))) == 1
    for server in servers.values():
        total = 0
        for name in ("people", "vehicles", "level", "state"):
            query = f'SELECT sum("n") AS n FROM "{name}"'  # noqa: S608 - ours
            total += sum(row["n"] or 0 for row in server.query("patrolgrid", query))
        assert total == report["stored"]
    if "two" not in servers:
        missing("InfluxDB 2.7")


# -- the JSON itself -----------------------------------------------------------------------------------------------


def test_the_files_are_those_that_the_code_makes():
    made = files()
    for path, text in made.items():
        assert (ROOT / path).read_text("utf-8") == text, f"{path}: run python -m deploy.grafana.build"
    assert {*ROOT.glob("dashboards/*/*.json")} == {ROOT / path for path in made if path.suffix == ".json"}


def test_queries_name_only_what_the_schema_has():
    for _, query in queries():
        for name in re.findall(r'FROM "(\w+)"', query):
            measurement = MEASUREMENTS[name]
            known = {*measurement.types, *measurement.tags, name}
            told = set(re.findall(r'AS "([^"]+)"', query))
            assert set(re.findall(r'"([^"]+)"', query)) <= known | told, (name, query)


def test_both_languages_have_the_same_panels_in_the_same_places():
    for one, other in zip(dashboards("en").values(), dashboards("zh-CN").values(), strict=True):
        assert [(p["type"], p["gridPos"]) for p in one["panels"]] == [
            (p["type"], p["gridPos"]) for p in other["panels"]
        ]
        assert one["title"] != other["title"]
        titles = zip([p["title"] for p in one["panels"]], [p["title"] for p in other["panels"]], strict=True)
        assert all(english != chinese for english, chinese in titles)


@pytest.mark.parametrize("language", LANGUAGES)
def test_dashboards_are_whole(language):
    found = dashboards(language)
    for dashboard in found.values():
        assert dashboard["title"]
        boxes = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(boxes)
        cells = [(x + i, y + j) for w, h, x, y in boxes for i in range(w) for j in range(h)]
        assert len(cells) == len(set(cells)), "panels overlap"
        assert all(x < 24 for x, _ in cells)
        for panel in dashboard["panels"]:
            assert panel["fieldConfig"]["defaults"]["unit"]
        text = json.dumps(dashboard)
        assert "http://" not in text
        assert "https://" not in text
        for uid in re.findall(r"/d/([\w-]+)", text):
            assert uid in found


WALL = 28
"""Rows of Grafana's grid on a screen of 1920 by 1080: 38 pixels each."""


def test_everything_on_now_fits_a_wall():
    places = [panel["gridPos"] for panel in dashboards("en")["patrolgrid-now-en"]["panels"]]
    assert max(place["y"] + place["h"] for place in places) <= WALL


PAGES = ("now", "beat", "hotspots", "patrols", "devices", "pipeline", "replay")
"""In the order of work."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_has_the_variables_that_its_queries_ask_for_and_no_other(language):
    for dashboard in dashboards(language).values():
        names = [one["name"] for one in dashboard["templating"]["list"]]
        asked = json.dumps([panel["targets"] for panel in dashboard["panels"]])
        assert names == [name for name in ("site", "beat", "device") if f"${name}" in asked], dashboard["title"]
        assert ("device" in names) == (dashboard["uid"].split("-")[1] in {"beat", "devices"})
    beat = dashboards(language)[f"patrolgrid-beat-{language[:2]}"]["templating"]["list"][1]
    assert (beat["multi"], beat["includeAll"]) == (False, False), "curves of all beats together say nothing"


def test_links_go_to_every_other_page_in_the_order_of_work_with_what_is_chosen():
    found = dashboards("en")
    assert [uid.split("-")[1] for uid in found] == list(PAGES)
    for uid, dashboard in found.items():
        urls = [link["url"] for link in dashboard["links"]]
        assert [url.partition("?")[0].removeprefix("/d/") for url in urls] == [other for other in found if other != uid]
        assert all("${site:queryparam}" in url for url in urls)
        assert all(link["keepTime"] and not link["includeVars"] for link in dashboard["links"])
    beat = "${beat:queryparam}"
    to = {link["title"]: link["url"] for link in found["patrolgrid-now-en"]["links"]}
    assert beat in to["Hotspots"]
    assert beat not in to["Beat"], "several beats where one is shown"
    assert "beat" not in to["Pipeline"].partition("?")[2], "a page without that variable"
    back = {link["title"]: link["url"] for link in found["patrolgrid-beat-en"]["links"]}
    assert beat in back["Now"]
    assert "${device:queryparam}" in back["Devices and data quality"]


def test_times_are_in_the_sites_zone():
    for timezone in ("Asia/Shanghai", "Pacific/Auckland"):
        for dashboard in dashboards("zh-CN", Site(timezone=timezone)).values():
            assert dashboard["timezone"] == timezone
    assert {one["timezone"] for one in dashboards("en").values()} == {Site().timezone}
    for language in LANGUAGES:
        for dashboard in dashboards(language).values():
            for panel in dashboard["panels"]:
                for look in panel["fieldConfig"]["overrides"]:
                    told = {one["id"]: one["value"] for one in look["properties"]}
                    if look["matcher"]["options"] == "Time" and "displayName" in told:
                        assert told["unit"] == "time:MM-DD HH:mm", panel["title"]


def test_marks_are_of_grave_alerts_and_say_what_and_where():
    """36 of silent devices would bury the charts; a page of the machine's own state has none."""
    for language, suffix in zip(LANGUAGES, ("", "_zh"), strict=True):
        for uid, dashboard in dashboards(language).items():
            queries = [one["target"]["query"] for one in dashboard["annotations"]["list"]]
            least = {"now": 3, "beat": 2}.get(uid.split("-")[1])
            assert len(queries) == (least is not None)
            for query in queries:
                assert f'"level" >= {least} ' in query
                assert f'"title{suffix}"' in query


def test_every_measurement_that_is_written_has_a_panel():
    targets = json.dumps([panel["targets"] for one in dashboards("en").values() for panel in one["panels"]])
    shown = set(re.findall(r'FROM \\"(\w+)\\"', targets))
    assert shown == {name for name, measurement in MEASUREMENTS.items() if measurement.written}


CODES: dict[str, set[str]] = {
    "kind": set(ALERT_KINDS),
    "reason": {str(reason) for reason in Reason},
    "category": {*INCIDENT_CATEGORIES, "other"},
    "provenance": set(get_args(Provenance)),
    "name": set(KINDS),
    "metric": {metric for kind, metric in WITH_RULES if kind == Kind.STATE},
}
"""Tag → the codes in it, which are no words. (The others are ids, which stand on the things themselves.)"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_series_that_are_called_by_a_code_are_shown_in_words(language):
    for panel in (panel for one in dashboards(language).values() for panel in one["panels"]):
        for alias in {target.get("alias", "") for target in panel["targets"]}:
            for tag in re.findall(r"\$tag_(\w+)", alias):
                for code in CODES.get(tag, set()):
                    series = re.sub(r"\$tag_\w+", "x-1", alias.replace(f"$tag_{tag}", code))
                    shown = displayed(panel, series)
                    assert shown is not None, (panel["title"], series)
                    assert not re.search("[a-z]_|[a-z]{2}", shown) or language == "en", (panel["title"], shown)


def displayed(panel, series):
    """The name under which a panel shows a series, less what Grafana fills in; None where nobody names it."""
    found = None
    for look in panel["fieldConfig"]["overrides"]:
        kind, options = look["matcher"]["id"], look["matcher"]["options"]
        if options == series if kind == "byName" else re.search(options.strip("/"), series):
            named = [one["value"] for one in look["properties"] if one["id"] == "displayName"]
            assert not named or found is None, (panel["title"], series, "is named twice")
            found = named[0] if named else found
    return None if found is None else re.sub(r"\$\{.*?\}", "", found).replace("JSON", "")
