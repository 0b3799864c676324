"""``patrolgrid audit`` and ``patrolgrid pki``, as people use them."""

import json
from contextlib import closing

import msgspec
import pytest

from console.cli.main import main
from console.people.caretaker import KeptHead
from console.people.people import People, Person
from console.people.people_file import PeopleFile
from console.people.pki import Pki
from deploy.processes.broker import start_broker
from deploy.processes.supervisor import Supervisor, free_port
from ingest.login import BrokerAddress
from ingest.mqtt.outbox import Outbound
from ingest.mqtt.publisher import publish_all
from ingest.topics import audit_head

SITE = "s"


@pytest.fixture
def station(tmp_path, monkeypatch):
    """A site with accounts, in the folder that commands are given in; its settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATROLGRID_SITE__LANGUAGE", "en")
    folder = tmp_path / "data" / SITE
    folder.mkdir(parents=True)
    (folder / "node.json").write_text("{}", "utf-8")
    (tmp_path / "patrolgrid.toml").write_text(
        f'[site]\nid = "{SITE}"\n[data]\ndir = "data"\n[broker]\nport = {free_port()}\n', "utf-8"
    )
    people = People(folder)
    people.add(Person(id="li", name="Li Wei", role="duty"), "cli:root")
    for number in range(3):
        people.audit.note("li", "acknowledge", f"al-{number}", note="on my way" if number else "")
    people.file.close()
    return folder


def said(capsys, *words, code=0):
    capsys.readouterr()
    assert main(["audit", *words]) == code
    return capsys.readouterr().out


def test_who_did_what_is_listed_in_words(station, capsys):
    shown = said(capsys, "list")
    lines = shown.splitlines()
    assert lines[0].split() == ["number", "time", "who", "what", "about", "more"]
    assert [line.split()[0] for line in lines[1:]] == ["4", "3", "2", "1"]
    assert "acknowledged" in lines[1]
    assert "note=on my way" in lines[1]
    assert "account made" in lines[4]
    assert "签收告警" in said(capsys, "list", "--lang", "zh-CN", "--by", "li", "--limit", "1")
    found = json.loads(said(capsys, "list", "--json", "--about", "al-1"))
    assert [(one["number"], one["by"]) for one in found] == [(3, "li")]
    assert json.loads(said(capsys, "list", "--json", "--before", "2"))[0]["number"] == 1


def test_a_log_that_is_whole_and_one_that_is_not(station, capsys):
    shown = said(capsys, "verify", "--no-broker")
    assert "The audit log is whole: 4 entries." in shown
    head = shown.splitlines()[-1].removeprefix("Audit log up to entry ")
    assert head.startswith("4: ")
    assert "heads of entries that were kept elsewhere: 4" in said(capsys, "verify", "--no-broker", "--head", head)
    with closing(PeopleFile(station)) as file, file.change() as connection:
        connection.execute("UPDATE audit SET by = 'wang' WHERE number = 2")
        connection.execute("DELETE FROM audit WHERE number = 4")
    shown = said(capsys, "verify", "--no-broker", "--head", head, code=1)
    assert "Entry 2 is not as it was written" in shown
    assert "Entry 4 is gone" in shown
    assert "THE AUDIT LOG IS NOT WHOLE" in shown
    found = json.loads(said(capsys, "verify", "--no-broker", "--json", "--after", "2", "--head", head, code=1))
    assert found["faults"] == [{"kind": "cut", "number": 4, "name": ""}]
    assert "not whole" not in said(capsys, "verify", "--no-broker", "--after", "2").lower()
    with closing(PeopleFile(station)) as file, file.change() as connection:
        connection.execute("CREATE TRIGGER hides AFTER INSERT ON audit BEGIN DELETE FROM audit; END")
    assert "The file has a trigger hides" in said(capsys, "verify", "--no-broker", "--after", "2", code=1)


def test_a_head_that_is_none_is_a_wrong_use_and_no_accounts_is_said(station, capsys):
    assert main(["audit", "verify", "--head", "four"]) == 2
    assert "'four' is no head of an audit log" in capsys.readouterr().err
    (station / "people.db").unlink()
    assert main(["audit", "list"]) == 1
    assert "Site s has no accounts" in capsys.readouterr().err


def test_the_broker_s_head_is_asked_for(station, capsys, tmp_path):
    assert main(["audit", "verify"]) == 0
    done = capsys.readouterr()
    assert "so nothing is known of the log's end" in done.err
    assert "whole" in done.out
    port = int((tmp_path / "patrolgrid.toml").read_text("utf-8").rsplit("=", 1)[1])
    with Supervisor(tmp_path / "run") as supervisor:
        start_broker(supervisor, "embedded", port, tmp_path / "broker")
        assert "The broker keeps no head" in said(capsys, "verify")
        head = msgspec.json.encode(KeptHead(9, "ab" * 32, 0))
        publish_all(BrokerAddress(port=port), [Outbound(audit_head(SITE), head, retain=True)])
        assert "Entry 9 is gone" in said(capsys, "verify", code=1)
        publish_all(BrokerAddress(port=port), [Outbound(audit_head(SITE), b"junk", retain=True)])
        assert json.loads(said(capsys, "verify", "--json"))["broker"] == "away"


def test_certificates_are_made_shown_and_kept(station, capsys, tmp_path):
    assert main(["pki", "show"]) == 1
    assert "`patrolgrid pki init` makes them" in capsys.readouterr().err
    words = ["--name", "board.station", "--address", "10.1.2.3"]
    assert main(["pki", "init", "--json", *words]) == 0
    made = json.loads(capsys.readouterr().out)
    pki = Pki(tmp_path / "data.keys" / SITE / "tls")
    assert (made["made"], made["authority"]) == (True, "data.keys/s/tls/ca.crt")
    assert {"localhost", "board.station"} <= set(made["names"])
    assert {"127.0.0.1", "10.1.2.3"} <= set(made["addresses"])
    before = pki.authority.read_bytes()
    assert main(["pki", "init", "--only", *words]) == 0
    shown = capsys.readouterr().out
    assert "for board.station, 10.1.2.3." in shown
    assert f'tls_cert = "{pki.board}"' in shown
    assert made["fingerprint"] in shown
    assert pki.authority.read_bytes() == before
    for wrong in (["--name", "a b"], ["--name", "中文"], ["--address", "10.1.2"], ["--name", "-"], ["--only"]):
        assert main(["pki", "init", *wrong]) == 2, wrong
    assert main(["pki", "init", "--name", "bank.example"]) == 1
    assert "may not speak for bank.example" in capsys.readouterr().err
