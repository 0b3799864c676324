"""`patrolgrid device` and `pki` as an administrator uses them, and `edge claim` as a technician does."""

from __future__ import annotations

import argparse
import getpass
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from console import edge_claim
from console.cli.main import main
from console.doctor.admission import admission
from console.errors import CommandError
from deploy.settings import load_settings
from ingest import topics
from ingest.edge.edge_file import load_edge_file
from ingest.health import AgentReport, Stranger
from ingest.places import load_places
from ingest.places.places_book import PlacesBook
from tests.stream.make_results import T0
from tests.support import wait_for

PLACE = ("--at", "121.4665,31.2335")


def device(station, *words):
    return main(["device", *words, "--config", str(station.folder / "patrolgrid.toml"), "--lang", "en"])


def places(station):
    return load_places(station.settings.places_file)


def claimed(path, ticket, *words):
    parser = argparse.ArgumentParser()
    edge_claim.add_arguments(parser.add_subparsers())
    return edge_claim.run(parser.parse_args(["claim", ticket, "--config", str(path), "--lang", "en", *words]))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ticket_in(said):
    (found,) = re.findall(r"patrolgrid edge claim (\S+)", said)
    return found


def test_a_device_from_the_sheet_to_the_broker(station, tmp_path, capsys):
    assert device(station, "add", "cam-07", "--type", "camera", *PLACE, "--name", "东门", "--sheet") == 0
    said = capsys.readouterr().out
    added = places(station).devices["cam-07"]
    assert (added.beat, added.type, added.name["en"]) == ("old-market", "camera", "东门")
    page = (tmp_path / "cam-07.sheet.html").read_text("utf-8")
    ticket = ticket_in(said)
    for word in (
        "cam-07",
        "东门",
        "Camera",
        "摄像头",
        ticket,
        ticket.rpartition("/")[2],
        "<svg",
        "old-market",
        "SHA-256",
    ):
        assert word in page, word
    assert (tmp_path / "cam-07.sheet.html").stat().st_mode & 0o077 == 0
    assert "http" not in page.replace("http://www.w3.org/", ""), "no address stands in it, and no code in one"
    edge = tmp_path / "edge" / "edge.toml"
    assert claimed(edge, ticket) == 0
    settings = load_edge_file(edge)
    (one,) = settings.devices
    assert (settings.agent.site, one.device, one.beat) == ("s", "cam-07", "old-market")
    assert one.tls_cert is not None
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "edge" / "keys").iterdir())
    assert sorted(path.name for path in (tmp_path / "edge" / "keys").iterdir()) == [
        "ca.crt", "cam-07.crt", "cam-07.key", "settings.key", "station.seal",
    ]  # fmt: skip
    visitor = station.client("cam-07", chain=(one.tls_cert, one.tls_key))
    assert visitor.connect(), visitor.why
    visitor.leave()
    capsys.readouterr()
    assert device(station, "list", "--json") == 0
    row = next(row for row in json.loads(capsys.readouterr().out)["devices"] if row["id"] == "cam-07")
    assert (row["connects"], row["code"]) == ("certificate + password", "")
    assert 800 < row["days"] <= 825
    assert main(["device", "list", "--config", str(station.folder / "patrolgrid.toml"), "--lang", "zh-CN"]) == 0
    assert "证书 + 密码" in capsys.readouterr().out


def test_more_devices_of_one_agent_connect_as_the_first(station, tmp_path, capsys):
    path = tmp_path / "edge.toml"
    for name in ("noise-71", "noise-72"):
        device(station, "add", name, "--type", "noise", *PLACE, "--sheet")
        assert claimed(path, ticket_in(capsys.readouterr().out), "--password") == 0
    settings = load_edge_file(path)
    assert [one.device for one in settings.devices] == ["noise-71", "noise-72"]
    for one in settings.devices:
        assert one.password_file is not None
        assert one.password_file.read_text().strip() == station.password(one.device)
    assert settings.speaker.device == "noise-71"
    path.write_text(path.read_text().replace('site = "s"', 'site = "other"'))
    device(station, "sheet", "noise-71")
    with pytest.raises(CommandError, match="is of the site 'other'"):
        claimed(path, ticket_in(capsys.readouterr().out))


def test_a_file_that_names_another_broker_costs_no_code(station, tmp_path, capsys):
    path = tmp_path / "edge.toml"
    path.write_text(
        '[agent]\nsite = "s"\nfolder = "kept"\n[broker]\nhost = "10.0.0.5"\n[[devices]]\ndevice = "a"\nbeat = "b"\n'
    )
    device(station, "add", "noise-73", "--type", "noise", *PLACE, "--sheet")
    ticket = ticket_in(capsys.readouterr().out)
    with pytest.raises(CommandError, match=r"\[broker\] names '10\.0\.0\.5'"):
        claimed(path, ticket)
    path.unlink()
    assert claimed(path, ticket) == 0


def test_what_was_replaced_gets_in_no_more(station, tmp_path, capsys):
    device(station, "add", "cam-08", "--type", "camera", *PLACE)
    station.credentials.give_certificate("cam-08")
    before = station.password("cam-08")
    kept = station.certified("cam-08")
    assert kept.connect(), kept.why
    assert device(station, "replace", "cam-08", "--why", "stolen", "--sheet") == 0
    wait_for(lambda: kept.ended, "its connection is ended")
    assert not station.certified("cam-08").connect()
    wait_for(lambda: not station.client("cam-08", before).let_in(), "its password is worth nothing")
    wait_for(lambda: station.client("cam-08", station.password("cam-08")).let_in(), "the fresh one opens")
    assert claimed(tmp_path / "edge.toml", ticket_in(capsys.readouterr().out)) == 0
    assert station.audited("device-replace")[0].detail == {"why": "stolen"}


def test_a_device_that_moved_is_told_where_it_publishes(station, capsys):
    device(station, "add", "cam-09", "--type", "camera", *PLACE)
    capsys.readouterr()
    assert device(station, "move", "cam-09", "--at", "121.4695,31.2335") == 0
    assert places(station).devices["cam-09"].beat == "creekside"
    assert "patrolgrid/v1/s/creekside/cam-09/obs" in capsys.readouterr().out
    assert device(station, "move", "cam-09", "--beat", "老菜场（示例）") == 0
    assert places(station).devices["cam-09"].beat == "old-market", "a beat's name will do, and its middle"


def test_a_device_that_was_named_is_called_so_in_both_languages(station, capsys):
    device(station, "add", "cam-11", "--type", "camera", *PLACE)
    assert device(station, "name", "cam-11", "East gate", "--chinese", "东门") == 0
    assert "is called East gate" in capsys.readouterr().out
    assert places(station).devices["cam-11"].name == {"en": "East gate", "zh-CN": "东门"}
    assert station.audited("device-name")[0].about == "cam-11"


def test_a_retired_device_is_out_of_everything(station, capsys):
    device(station, "add", "cam-10", "--type", "camera", *PLACE, "--sheet")
    ticket, password = ticket_in(capsys.readouterr().out), station.password("cam-10")
    assert device(station, "retire", "cam-10") == 0
    assert "cam-10" not in places(station).devices
    assert "cam-10" not in station.credentials.accounts()
    assert not station.credentials.password_file("cam-10").exists()
    wait_for(lambda: not station.client("cam-10", password).let_in(), "the broker knows it no more")
    with pytest.raises(ValueError, match="too old"):
        claimed(station.folder / "nowhere.toml", ticket)
    done = PlacesBook(station.settings.places_file).changes(limit=1)[0]
    assert (done.what, done.by, done.about["device"]) == ("device-retire", f"cli:{getpass.getuser()}", "cam-10")


def test_what_cannot_take_a_code_has_its_account_on_paper(station, tmp_path):
    assert device(station, "sheet", "gate-01", "--account", "--out", "gate.html") == 0
    page = (tmp_path / "gate.html").read_text("utf-8")
    assert station.password("gate-01") in page
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "camera-01", "--type", "camera", *PLACE), "is there already"),
        (("add", "console", "--type", "camera", *PLACE), "another account at the broker"),
        (("add", "../x", "--type", "camera", *PLACE), "is no id of a device"),
        (("add", "x", "--type", "camera"), "where is it"),
        (("add", "x", "--type", "camera", "--at", "1,2"), "lies in no beat"),
        (("add", "x", "--type", "camera", "--at", "121"), "expected longitude and latitude"),
        (("add", "x", "--type", "camera", "--beat", "moon"), "beat is 'moon'"),
        (("move", "x", *PLACE), "there is no device 'x'"),
        (("retire", "x"), "there is no device 'x'"),
        (("name", "gate-01", " "), "needs a name"),
        (("sheet", "x"), "there is no device 'x'"),
        (("sheet", "gate-01", "--hours", "0"), "--hours 0"),
        (("approve", "1", "--id", "x"), "nothing waits under the number 1"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(station, capsys, words, told):
    before = station.settings.places_file.read_bytes(), station.credentials.passwords.read_bytes()
    assert device(station, *words) in {1, 2}
    assert told in capsys.readouterr().err
    assert (station.settings.places_file.read_bytes(), station.credentials.passwords.read_bytes()) == before


def test_pki_as_the_administrator_uses_it(station, capsys):
    def pki(*words):
        return main(["pki", *words, "--config", str(station.folder / "patrolgrid.toml"), "--lang", "en"])

    assert pki("issue", "manhole-7", "--days", "20") == 0
    said = capsys.readouterr().out
    assert f"127.0.0.2:{station.ports['certificates']}" in said
    first = station.credentials.certificates.newest()["manhole-7"]
    assert first.days_left() in {19, 20}
    assert pki("renew", "manhole-7") == 0
    assert station.certified("manhole-7").connect()
    assert pki("list") == 0
    said = capsys.readouterr().out
    assert "older, still good" in said
    assert re.search(r"82[45] days left", said)
    assert pki("revoke", "manhole-7", "--why", "lost") == 0
    assert pki("revoke", "manhole-7") == 1
    assert pki("list", "--json") == 0
    said = capsys.readouterr()
    rows = [one for one in json.loads(said.out[said.out.index("[") :]) if one["device"] == "manhole-7"]
    assert [(one["revoked"], one["why"]) for one in rows] == [(True, "lost")] * 2
    assert "no certificate that could be revoked" in said.err
    assert pki("issue", "node") == 1
    assert pki("renew", "camera-99") == 1
    assert pki("issue", "manhole-7", "--csr", str(station.folder / "patrolgrid.toml")) == 1
    assert not station.certified("manhole-7").connect()


def test_what_waits_is_approved(station, capsys):
    met = [
        Stranger("tasmota", "tele/lamp-7/SENSOR", "Switch1", guess="door", name="Lamp 7"),
        Stranger("zigbee2mqtt", "zigbee2mqtt/0x01", "contact"),
        Stranger("native", topics.observations("s", "creekside", "noise-99")),
    ]
    station.report(AgentReport(beat="old-market", device="camera-01", ts=T0, strangers=tuple(met)))

    def waiting():
        assert device(station, "list", "--waiting", "--json") == 0
        return {one["match"]: one["number"] for one in json.loads(capsys.readouterr().out)["waiting"]}

    capsys.readouterr()
    assert device(station, "list", "--waiting") == 0
    said = capsys.readouterr().out
    assert re.search(r"tasmota +tele/lamp-7/SENSOR +Switch1 +door +camera-01", said)
    assert device(station, "approve", str(waiting()["tele/lamp-7/SENSOR"]), "--id", "door-07") == 0
    added = places(station).devices["door-07"]
    assert (added.type, added.beat, added.name["en"]) == ("door", "old-market", "Lamp 7"), (
        "guessed, and where it was heard"
    )
    (binding,) = added.bindings
    assert (binding.codec, binding.match, binding.part) == ("tasmota", "tele/lamp-7/SENSOR", "Switch1")
    assert "door-07" in station.credentials.accounts()
    capsys.readouterr()
    assert device(station, "approve", str(waiting()["zigbee2mqtt/0x01"]), "--id", "x") == 2
    assert "--type" in capsys.readouterr().err, "nobody can tell what it is"
    assert device(station, "approve", str(waiting()["zigbee2mqtt/0x01"]), "--to", "door-07") == 0
    assert [one.codec for one in places(station).devices["door-07"].bindings] == ["tasmota", "zigbee2mqtt"]
    capsys.readouterr()
    number = str(waiting()[topics.observations("s", "creekside", "noise-99")])
    assert device(station, "approve", number, "--id", "other", "--type", "noise", "--beat", "creekside") == 2
    assert device(station, "approve", number, "--type", "noise", "--beat", "creekside") == 0
    assert places(station).devices["noise-99"].bindings == ()
    capsys.readouterr()
    assert waiting() == {}


def test_the_doctor_looks_at_who_may_connect(station, capsys):
    def found():
        return {(one.state, one.code) for one in admission(station.settings)}

    certificates, broker = station.credentials.certificates, station.credentials.station.broker
    station.credentials.tell()
    assert found() == {("ok", "ok")}
    certificates.issue("smoke-77", days=20)
    certificates.issue("smoke-78", days=5, now=datetime.now(UTC) - timedelta(days=9))
    assert found() == {("warn", "soon"), ("fail", "over")}
    certificates.revoke("smoke-77")
    certificates.revoke("smoke-78")
    assert found() == {("fail", "revoked")}, "the broker does not know it yet"
    station.credentials.tell()
    rules = broker / "devices.acl"
    before = rules.read_text()
    rules.write_text(before.replace("pattern deny ", "# pattern deny "))
    (one,) = admission(station.settings)
    assert device(station, "sheet", "gate-01") == 1
    assert "is of an earlier version and lets no code be used" in capsys.readouterr().err
    assert one.values["lines"] == "pattern deny patrolgrid/v1/+/patrol/%u/#"
    rules.write_text(before)
    listed = certificates.list.read_bytes()
    certificates.list.write_bytes(b"[{")
    assert found() == {("fail", "bad")}
    certificates.list.write_bytes(listed)
    assert found() == {("ok", "ok")}
    assert admission(load_settings(None, {}))[0].code == "none"


def test_a_device_that_claims_once_more_gets_its_lines_anew(station, tmp_path, capsys):
    path = tmp_path / "edge.toml"
    for name, how in (("water-81", ["--password"]), ("water-82", [])):
        device(station, "add", name, "--type", "water", *PLACE, "--sheet")
        assert claimed(path, ticket_in(capsys.readouterr().out), *how) == 0
    path.write_text(
        path.read_text().replace('device = "water-81"\n\n[broker]', 'device = "water-81"\n\n[broker] # ours')
    )
    path.write_text(
        path.read_text().replace("[[devices]]\n", "[[devices]]  # by the creek\n", 1)
        + "\n[[sources]]\nkind = 'stdin'\ndevice = 'water-81'\n"
    )
    device(station, "move", "water-81", "--at", "121.4695,31.2335")
    device(station, "replace", "water-81", "--sheet")
    assert claimed(path, ticket_in(capsys.readouterr().out)) == 0
    settings = load_edge_file(path)
    moved, other = settings.devices
    assert (moved.device, moved.beat, moved.password_file) == ("water-81", "creekside", None)
    assert moved.tls_cert is not None
    assert (other.device, other.beat) == ("water-82", "old-market")
    assert [settings.address(one).port for one in settings.devices] == [station.ports["certificates"]] * 2
    assert path.read_text().count("# by the creek") == path.read_text().count("[[sources]]") == 1
    device(station, "replace", "water-82", "--sheet")
    assert claimed(path, ticket_in(capsys.readouterr().out), "--password") == 0
    assert "already" in capsys.readouterr().out
    settings = load_edge_file(path)
    assert [settings.address(one).port for one in settings.devices] == [
        station.ports["certificates"], station.ports["passwords"],
    ]  # fmt: skip
    address = settings.address(settings.devices[1])
    assert station.client("water-82", address.secret()).let_in()
