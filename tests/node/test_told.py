"""From a detector's word to a chat group and back: a whole site, one person's acknowledgement, and silence."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from email import message_from_string
from email.policy import default

import httpx
import pytest

from console.deliver.receipts import Receipts
from console.people.people import People, Person
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, publish_all
from ingest.topics import observations
from simulators.world.neighbourhood import places_geojson
from tests.console.deliver.fakes import FakeHttp, FakeSmtp
from tests.node.harness import ROOT
from tests.support import free_port, wait_for

PAGE = {"X-PatrolGrid": "1"}


@contextmanager
def running_site(tmp_path, channels, rules):
    """Run a site (`patrolgrid up`) that delivers; give its folder and its board's address."""
    (tmp_path / "places.geojson").write_text(json.dumps(places_geojson()), "utf-8")
    (tmp_path / "channels.toml").write_text(channels)
    (tmp_path / "channels.toml").chmod(0o600)
    config, board = tmp_path / "patrolgrid.toml", free_port()
    config.write_text(
        f"[site]\nid = 's'\nplaces = 'places.geojson'\n[data]\ndir = 'data'\n[broker]\nmode = 'embedded'\n"
        f"port = {free_port()}\n[board]\nport = {board}\n[telling]\nrules = ['{rules}']\n"
        f"[deliver]\nchannels_file = 'channels.toml'\nboard_url = 'http://127.0.0.1:{board}'\n"
    )
    folder = tmp_path / "data" / "s"
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "up", "--config", str(config)],
            cwd=ROOT, stdout=out, stderr=out, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        both = [folder / "board.url", folder / "node.json"]
        wait_for(lambda: all(map(os.path.exists, both)) or process.poll() is not None, "it runs")
        yield folder, (folder / "board.url").read_text().strip().rstrip("/")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def alarm(device, folder):
    """Let a smoke detector say its word."""
    broker = BrokerAddress(port=json.loads((folder / "node.json").read_text())["broker"]["port"])
    word = {"type": "state", "boot": "b", "seq": 1, "ts": int(time.time() * 1000), "metric": "smoke", "value": "alarm"}
    topic = observations("s", "lantern-street", device)
    publish_all(broker, [Outbound(topic, json.dumps(word).encode())])


@pytest.mark.field
def test_an_acknowledgement_over_the_api_silences_every_channel_and_the_record_says_who(tmp_path):
    with closing(FakeHttp()) as chat, closing(FakeHttp()) as hook:
        chat.usual = hook.usual = "500"
        channels = (
            f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = '{chat.url}'\n"
            f"[hook]\nkind = 'webhook'\nwhere = 'outside'\nurl = '{hook.url}/x'\n"
        )
        with running_site(tmp_path, channels, "critical @ #chat #hook") as (folder, board):
            alarm("smoke-01", folder)
            wait_for(lambda: len(chat.got) > 1 and len(hook.got) > 1, "nobody is told")
            alert = hook.got[0].json["id"]
            answer = httpx.post(f"{board}/api/alerts/{alert}/acknowledge", json={"by": "Wang Lei"}, headers=PAGE)
            assert answer.status_code == 202
            wait_for(lambda: _ends(folder, alert) == {("dropped", "acknowledged")}, "not silent")
            found = httpx.get(f"{board}/api/alerts/{alert}").json()
            assert (found["state"], found["by"]) == ("acknowledged", "Wang Lei")
            assert {one["why"] for one in found["receipts"]} == {"acknowledged"}
            chat.usual = hook.usual = "ok"
            alarm("smoke-02", folder)
            wait_for(lambda: chat.accepted() and hook.accepted(), "the next one is not told")
        assert alert not in {one.json["id"] for one in hook.accepted()}
        assert not any(alert in one.json["text"]["content"] for one in chat.accepted())


def test_the_link_in_a_mail_shows_and_its_button_silences_the_others(tmp_path):
    people = People(tmp_path / "data" / "s")
    people.add(Person("wang", "王磊", "duty", "zh-CN", addresses={"mail": "wang@b"}), by="test")
    with closing(FakeSmtp()) as post, closing(FakeHttp()) as chat:
        chat.usual = "500"
        channels = (
            f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = '{chat.url}'\n"
            f"[mail]\nkind = 'mail'\nwhere = 'inside'\nhost = '127.0.0.1'\nport = {post.port}\nsecure = 'none'\n"
            "sender = 'a@b'\nrecipients = ['d@b']\n"
        )
        with running_site(tmp_path, channels, "critical @ wang #chat") as (folder, board):
            alarm("smoke-01", folder)
            wait_for(lambda: post.mails and chat.got, "nobody is told")
            text = message_from_string(post.mails[0], policy=default).get_content()
            found = re.search(rf"{board}/go#(\S+)", text)
            assert found is not None, text
            assert httpx.get(f"{board}/api/alerts").status_code == 401
            with httpx.Client(base_url=board, headers=PAGE) as phone:
                me = phone.post("/api/link", json={"token": found[1]}).json()
                alert = phone.get("/api/me").json()["about"]
                assert me["person"]["name"] == "王磊"
                assert phone.get(f"/api/alerts/{alert}").json()["state"] == "raised"  # opened, and nothing has changed
                assert phone.post(f"/api/alerts/{alert}/acknowledge", json={}).status_code == 202
                wait_for(lambda: ("dropped", "acknowledged") in _ends(folder, alert), "not silent")
                assert phone.get(f"/api/alerts/{alert}").json()["by"] == "王磊"
            assert _ends(folder, alert) == {("accepted", ""), ("dropped", "acknowledged")}


def _ends(folder, alert):
    return {(one.state, one.why) for one in Receipts(folder).of(alert)}
