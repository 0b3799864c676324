"""`patrolgrid deliver`: channels tried, in words; what waits and who has been told; and what a SIGKILL can repeat."""

import json
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing

import pytest

from console.cli.main import main
from console.deliver.examined import examine_delivery
from console.deliver.message_box import MessageBox
from console.deliver.orders import Order
from console.deliver.outbox_file import FILE, STATUS
from console.deliver.receipts import Receipts
from deploy.node.lock import site_lock
from deploy.settings import load_settings, with_values
from ingest.clock import wall_ms
from tests.console.deliver.fakes import FakeHttp
from tests.console.stores import Node
from tests.stream.make_results import alert as make_alert
from tests.support import free_port, wait_for


class Station:
    """A site's folder with its settings and channels."""

    def __init__(self, tmp_path, channels):
        self.data, self.config = tmp_path / "data", tmp_path / "patrolgrid.toml"
        self.folder = self.data / "s1"
        self.folder.mkdir(parents=True)
        self.node = Node(self.folder)
        file = tmp_path / "channels.toml"
        file.write_text(channels)
        file.chmod(0o600)
        self.config.write_text(
            f"[site]\nid = 's1'\nlanguage = 'en'\n[data]\ndir = '{self.data}'\n[broker]\nport = {free_port()}\n"
            f"[deliver]\nchannels_file = '{file}'\n[telling]\nfile = 'rota.toml'\nrules = ['critical @ #chat #hook']\n"
        )
        self.number = 0

    def run(self, *arguments):
        action, *more = arguments
        return main(["deliver", action, "--config", str(self.config), *more])

    def start(self):
        command = [sys.executable, "-m", "console.cli", "deliver", "run", "--config", str(self.config)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def raise_alerts(self, count):
        """Raise alerts as one record; return their ids."""
        names = [f"a{self.number + each}" for each in range(count)]
        self.number += count
        self.node.write(alerts=[make_alert(name, 1, severity="critical", kind="smoke") for name in names])
        return names


def channels(chat, hook):
    return (
        f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k-secret'\nbase_url = '{chat.url}'\nper_minute = 10000\n"
        f"[hook]\nkind = 'webhook'\nwhere = 'outside'\nurl = '{hook.url}/hook'\nper_minute = 10000\n"
    )


@pytest.fixture
def fakes():
    with closing(FakeHttp()) as chat, closing(FakeHttp()) as hook:
        yield chat, hook


def test_trying_the_channels_says_in_words_what_is_wrong(tmp_path, fakes, capsys):
    chat, hook = fakes
    station = Station(tmp_path, channels(chat, hook))
    assert station.run("test") == 0
    assert capsys.readouterr().out.splitlines() == ["chat: accepted (0)", "hook: accepted (HTTP 200)"]
    assert "a test, nothing has happened" in chat.got[0].json["text"]["content"]
    chat.usual, hook.usual = "refuse 93000 invalid key k-secret", "500"
    assert station.run("test") == 1
    said = capsys.readouterr().out
    assert "chat: does not accept the key, the signature or the address that this comes from (93000" in said
    assert "do: check key, token and secret in the channels file" in said
    assert "hook: its server is in trouble (HTTP 500); do: look at the server" in said
    assert "k-secret" not in said
    assert station.run("test", "hook", "--json") == 1
    assert json.loads(capsys.readouterr().out)["channels"][0]["why"] == "error"
    assert station.run("test", "pager") == 1
    assert "there is: chat, hook" in capsys.readouterr().err


def test_a_list_shows_channels_and_receipts_but_no_secret(tmp_path, fakes, capsys):
    station = Station(tmp_path, channels(*fakes))
    process = station.start()
    try:
        station.raise_alerts(1)
        wait_for(lambda: len(fakes[0].got) and len(fakes[1].got) and len(_accepted(station, "a0")) == 2, "not told")
        assert station.run("run") == 1
        assert "another deliver" in capsys.readouterr().err
        assert station.run("list", "--json") == 0
        found = json.loads(capsys.readouterr().out)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert found["running"]
    assert [(one["id"], one["kind"], one["waiting"]) for one in found["channels"]] == [
        ("chat", "wecom", 0),
        ("hook", "webhook", 0),
    ]
    assert station.run("list") == 0
    said = capsys.readouterr().out
    assert "Delivery is not running: nobody is told." in said
    assert "accepted" in said
    assert "k-secret" not in said


def test_edited_channels_are_taken_up_and_a_broken_edit_changes_nothing(tmp_path, fakes):
    chat, hook = fakes
    station = Station(tmp_path, channels(chat, hook))
    file = tmp_path / "channels.toml"
    process = station.start()
    try:
        station.raise_alerts(1)
        wait_for(lambda: len(_accepted(station, "a0")) == 2, "not told")
        file.write_text(channels(chat, hook).replace("k-secret", "k-new"))
        station.raise_alerts(1)
        wait_for(lambda: len(_accepted(station, "a1")) == 2, "not told")
        wait_for(lambda: station.raise_alerts(1) and "k-new" in chat.got[-1].path, "the edit is not taken up")
        (tmp_path / "rota.toml").write_text("rules = ['critical @ #hook']\n")
        wait_for(lambda: len(_receipts(station, station.raise_alerts(1)[0])) == 1, "the rules are not taken up")
        (tmp_path / "rota.toml").write_text("rules = ['critical @ #chat #hook']\n")
        wait_for(lambda: len(_receipts(station, station.raise_alerts(1)[0])) == 2, "the rules are not taken up")
        file.write_text("[chat]\nkind = 'pigeon'\n")
        name = station.raise_alerts(1)[0]
        wait_for(lambda: len(_accepted(station, name)) == 2, "a broken edit ends it")
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_doctor_says_whether_anybody_would_be_told(tmp_path, fakes):
    station = Station(tmp_path, channels(*fakes))
    file = tmp_path / "channels.toml"

    def found(**telling):
        settings = load_settings(station.config)
        return examine_delivery(with_values(settings, telling=telling) if telling else settings)[:2]

    assert found() == ("ok", "ok")
    assert found(rules=[]) == ("warn", "silent")
    assert found(rules=["all @ #pager"]) == ("fail", "")
    with site_lock(station.folder):
        assert found() == ("fail", "stopped")
    file.write_text(channels(*fakes).replace("http://127.0.0.1", "http://chat.example"))
    assert found() == ("warn", "clear")
    (station.folder / STATUS).write_text(
        json.dumps({"anew": {"at_ms": wall_ms(), "why": "was removed", "kept": False}})
    )
    assert found() == ("warn", "anew")
    file.unlink()
    assert (found(), found(rules=[])) == (("fail", "none"), ("ok", "off"))


def test_mutes_are_made_shown_and_ended(tmp_path, fakes, capsys):
    station = Station(tmp_path, channels(*fakes))
    assert station.run("mute", "--kind", "smoke", "--for", "2h", "--why", "painting") == 0
    assert "number 1" in capsys.readouterr().out
    assert station.run("list") == 0
    assert "Mute 1: smoke until" in capsys.readouterr().out
    assert station.run("unmute", "1") == 0
    assert station.run("unmute", "1") == 1
    for wrong in (["--kind", "flood", "--for", "2h"], ["--kind", "smoke", "--for", "8d"], ["--for", "2h"]):
        assert station.run("mute", *wrong, "--why", "x") in {1, 2}
    assert "up to a week" in capsys.readouterr().err


def test_a_list_shows_who_is_told_more_than_can_be_answered(tmp_path, fakes, capsys):
    station = Station(tmp_path, channels(*fakes))
    box = MessageBox(station.folder / FILE)
    for number in range(30):
        box.take(make_alert(f"p{number}", 1, severity="critical"), [Order("chat", "w", persons=("wang",))], wall_ms())
        message = box.next("chat", wall_ms())
        assert message is not None
        box.accepted(message, wall_ms())
    box.close()
    assert station.run("list", "--json") == 0
    wang = json.loads(capsys.readouterr().out)["persons"][0]
    assert wang == {"id": "wang", "messages": 30, "critical": 30, "hours": 24.0, "per_hour": 1.25, "over": True}
    assert station.run("list") == 0
    assert "more than can be answered" in capsys.readouterr().out


def test_without_channels_it_says_where_they_would_stand(tmp_path, fakes, capsys):
    station = Station(tmp_path, channels(*fakes))
    (tmp_path / "channels.toml").unlink()
    assert station.run("run") == 1
    assert station.run("list") == 0
    assert "channels.toml is not there" in capsys.readouterr().out


def _receipts(station, alert):
    """Return the receipts of an alert once there are any."""
    return wait_for(lambda: Receipts(station.folder).of(alert), "no receipts")


def _accepted(station, alert):
    return [one for one in Receipts(station.folder).of(alert) if one.state == "accepted"]


def wait_for_more(chat, hook, count):
    before = len(chat.got) + len(hook.got)
    wait_for(lambda: len(chat.got) + len(hook.got) >= before + count, "nothing is sent")


def kill_often(station, chat, hook, kills, pause):
    """Raise alerts while the delivering process is killed again and again; count at the fakes what came.

    `pause` waits before each kill. Nothing may be lost; at most the message in flight at a kill may come again, one a
    channel, under the same number; and by its key a webhook knows each repeat.
    """
    names = []
    process = station.start()
    try:
        for kill in range(kills):
            names += station.raise_alerts(8)
            wait_for_more(chat, hook, pause(kill))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = station.start()
        wait_for(lambda: all(len(_accepted(station, name)) == 2 for name in names[-8:]), "the last are not told")
        wait_for(lambda: sum(Receipts(station.folder).waiting().values()) == 0, "something still waits")
    finally:
        process.terminate()
        process.wait(30)
    told = Counter(one.json["text"]["content"].splitlines()[-1] for one in chat.accepted())
    keys = Counter(one.headers["Idempotency-Key"] for one in hook.accepted())
    assert told.keys() == {f"No. {name}/1" for name in names}
    assert keys.keys() == {f"s1-{name}-1" for name in names}
    for found in (told, keys):
        assert sum(found.values()) - len(found) <= kills, "more came twice than was in flight"
    return {"alerts": len(names), "chat repeated": told.total() - len(told), "hook repeated": keys.total() - len(keys)}


def test_nothing_is_lost_when_the_delivering_process_is_killed(tmp_path, fakes):
    station = Station(tmp_path, channels(*fakes))
    chat, hook = fakes
    kill_often(station, chat, hook, kills=1, pause=lambda kill: 3 + kill)


@pytest.mark.field
def test_thirty_kills_at_every_point_of_a_message(tmp_path, fakes):
    """The long form: servers that are slow, refuse, cut the line and come back, too."""
    chat, hook = fakes
    station = Station(tmp_path, channels(chat, hook))
    troubles = ["500", "cut", "refuse -1 busy", "429 1", "html"]

    def pause(kill):
        chat.will.append(troubles[kill % len(troubles)])
        hook.will.append("cut" if kill % 3 == 0 else "500")
        return 1 + kill % 9

    found = kill_often(station, chat, hook, kills=30, pause=pause)
    (tmp_path / "figures.json").write_text(json.dumps(found))
