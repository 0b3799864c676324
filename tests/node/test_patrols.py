"""Patrols through a whole node: the plan on the officer's topic, what was done of it, imported history, and a kill."""

import json
import signal
from contextlib import closing

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from console.cli.main import main
from console.people.audit import Audit
from console.people.people_file import PeopleFile
from ingest import topics
from ingest.events import Command
from ingest.gateway.plate_keys import command_keys
from ingest.gateway.quarantine import Quarantine
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, publish_all
from ingest.mqtt.signing import signed
from ingest.places import parse_places
from stream.sinks.store.patrol_tables import read_plans
from stream.sinks.store.tables import StoreError
from tests.documented import places
from tests.node.conftest import GROUP
from tests.node.harness import SITE
from tests.support import wait_for

pytestmark = GROUP

ROWS = """时间,经度,纬度,案件类别,警情编号
2025-01-03 21:00:00,{lon},{lat},入室盗窃,A-1
2025-01-03 21:00:00,{lon},{lat},入室盗窃,A-1
2025-01-04 22:15:00,{lon},{lat},打架斗殴,A-2
2025-01-05 23:00:00,{lon},95,盗窃,A-3
"""


def plans(site, officer="p1"):
    reader = site.reader()
    try:
        return read_plans(reader.query, at_ms=reader.progress()["now_ms"], officer=officer)
    except StoreError:
        return []
    finally:
        reader.close()


def stop_of(site, identifier):
    return next((one for plan in plans(site) for one in plan["stops"] if one["id"] == identifier), {})


def imported(site):
    return [one for one in site.reader().incidents() if not one["id"].startswith("110-")]


def patrolgrid(site, *arguments):
    return main([*arguments, "--config", str(site.folder / "patrolgrid.toml")])


def commands_are_the_boards(site, quarantine):
    """A command of somebody else is refused at the door, one of the board's gets as far as the alerts."""
    (key,), topic = command_keys(site.folder / "data.keys" / SITE / "commands.key"), topics.commands(SITE)
    command = msgspec.json.encode(Command(id="c", action="clear", alert="none", by="li", ts=0))
    publish_all(BrokerAddress(port=site.port), [Outbound(topic, command), Outbound(topic, signed(command, topic, key))])
    wait_for(lambda: len(quarantine.list(reason="command")) == 2, "both in quarantine")
    forged, unknown = (entry.detail for entry in quarantine.list(reason="command"))
    assert "not signed by the board" in forged
    assert "not open" in unknown


def test_a_stop_from_plan_to_delivered_minutes_and_a_kill(site, capsys, tmp_path):
    wait_for(lambda: plans(site), "a plan of the running shift")
    heard = []
    phone = mqtt.Client(CallbackAPIVersion.VERSION2)
    phone.on_message = lambda _c, _u, message: heard.append(json.loads(message.payload))
    phone.connect("127.0.0.1", site.port)
    phone.loop_start()
    phone.subscribe(topics.patrol_plan(SITE, "p1"), qos=1)
    wait_for(lambda: heard, "the retained plan")
    assert (heard[0]["officer"], heard[0]["name"], heard[0]["over"]) == ("p1", "day", False)
    stop = heard[0]["stops"][0]
    assert patrolgrid(site, "patrol", "arrive", "p1", stop["id"]) == 0
    wait_for(lambda: stop_of(site, stop["id"]).get("state") == "arrived", "the arrival in the store")
    with closing(PeopleFile(site.folder / "data" / SITE)) as file:  # a site with accounts has it in its log
        assert patrolgrid(site, "patrol", "done", "p1", stop["id"], "--note", "all quiet") == 0
        (entry,) = Audit(file).entries()
    assert (entry.what, entry.about, entry.detail) == ("did", stop["id"], {"done": "done", "officer": "p1"})
    wait_for(lambda: stop_of(site, stop["id"]).get("state") == "done", "the stop done")
    wait_for(lambda: heard[-1]["stops"][0]["state"] == "done", "the phone's plan follows")
    phone.loop_stop()
    assert patrolgrid(site, "patrol", "done", "p2", stop["id"]) == 1
    assert "has no stop" in capsys.readouterr().err

    settings = BrokerAddress(port=site.port)
    did = topics.patrol_did(SITE, "p1")
    publish_all(settings, [Outbound(did, b'{"what":"flew"}'), Outbound(did, b'{"what":"done","stop":"nobody-knows"}')])
    with closing(Quarantine(site.folder / "data" / SITE / "quarantine.db")) as quarantine:
        wait_for(lambda: len(quarantine.list(reason="patrol")) == 2, "both in quarantine")
        commands_are_the_boards(site, quarantine)

    west, south, east, north = parse_places(places()).bounds()
    calls = tmp_path / "警情.csv"
    calls.write_text(ROWS.format(lon=(west + east) / 2, lat=(south + north) / 2), encoding="utf-8")
    capsys.readouterr()
    assert patrolgrid(site, "incidents", "import", str(calls), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("rows", "new", "twice", "known", "bad_rows")} == {
        "rows": 4, "new": 2, "twice": 1, "known": 0, "bad_rows": 1,
    }  # fmt: skip
    assert told["bad"][0]["line"] == 5
    wait_for(lambda: len(imported(site)) == 2, "the incidents in the store")
    found = imported(site)
    assert [(one["category"], one["backfill"]) for one in found] == [("fight", True), ("burglary", True)]
    assert not [one for one in site.reader().alerts() if one["kind"].endswith("series")]
    assert patrolgrid(site, "incidents", "import", str(calls), "--json") == 0
    assert json.loads(capsys.readouterr().out)["known"] == 2

    site.node.end(signal.SIGKILL)
    made_ms = plans(site)[0]["made_ms"]
    site.subscribed()
    assert patrolgrid(site, "patrol", "help", "p1", "--note", "two men with knives") == 0
    wait_for(lambda: [one for one in site.reader().alerts() if one["kind"] == "officer_help"], "the alert")
    (alert,) = [one for one in site.reader().alerts() if one["kind"] == "officer_help"]
    assert (alert["severity"], alert["text"]["en"]) == ("critical", "Li Wei asks for help: two men with knives")
    assert stop_of(site, stop["id"])["state"] == "done"
    assert plans(site)[0]["made_ms"] == made_ms
