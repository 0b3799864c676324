"""From a detector's word to a chat group and back: a whole site, one person's acknowledgement, and silence."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import httpx
import pytest

from console.deliver.receipts import Receipts
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, publish_all
from ingest.topics import observations
from simulators.world.neighbourhood import places_geojson
from tests.console.deliver.fakes import FakeHttp
from tests.node.harness import ROOT
from tests.support import free_port, wait_for


@pytest.fixture
def site(tmp_path):
    """A running site (`patrolgrid up`) with two channels whose servers are in trouble: (folder, its board, servers)."""
    (tmp_path / "places.geojson").write_text(json.dumps(places_geojson()), "utf-8")
    with closing(FakeHttp()) as chat, closing(FakeHttp()) as hook:
        chat.usual = hook.usual = "500"
        channels = tmp_path / "channels.toml"
        channels.write_text(
            f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = '{chat.url}'\n"
            f"[hook]\nkind = 'webhook'\nwhere = 'outside'\nurl = '{hook.url}/x'\n"
        )
        channels.chmod(0o600)
        config = tmp_path / "patrolgrid.toml"
        config.write_text(
            f"[site]\nid = 's'\nplaces = 'places.geojson'\n[data]\ndir = 'data'\n[broker]\nmode = 'embedded'\n"
            f"port = {free_port()}\n[board]\nport = {free_port()}\n[deliver]\nchannels_file = 'channels.toml'\n"
            "[telling]\nrules = ['critical @ #chat #hook']\n"
        )
        folder = tmp_path / "data" / "s"
        with (tmp_path / "out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "console.cli", "up", "--config", str(config)],
                cwd=ROOT, stdout=out, stderr=out, env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        try:
            wait_for(lambda: (folder / "board.url").exists() or process.poll() is not None, "it runs")
            yield folder, (folder / "board.url").read_text().strip().rstrip("/"), chat, hook
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def alarm(device, port):
    word = {"type": "state", "boot": "b", "seq": 1, "ts": int(time.time() * 1000), "metric": "smoke", "value": "alarm"}
    topic = observations("s", "lantern-street", device)
    publish_all(BrokerAddress(port=port), [Outbound(topic, json.dumps(word).encode())])


def test_an_acknowledgement_over_the_api_silences_every_channel_and_the_record_says_who(site):
    folder, board, chat, hook = site
    port = json.loads((folder / "node.json").read_text())["broker"]["port"]
    alarm("smoke-01", port)
    wait_for(lambda: len(chat.got) > 1 and len(hook.got) > 1, "nobody is told")
    alert = hook.got[0].json["id"]
    answer = httpx.post(
        f"{board}/api/alerts/{alert}/acknowledge", json={"by": "Wang Lei"}, headers={"X-PatrolGrid": "1"}
    )
    assert answer.status_code == 202
    wait_for(lambda: _ends(folder, alert) == {("dropped", "acknowledged")}, "not silent")
    found = httpx.get(f"{board}/api/alerts/{alert}").json()
    assert (found["state"], found["by"]) == ("acknowledged", "Wang Lei")
    assert {one["why"] for one in found["receipts"]} == {"acknowledged"}
    chat.usual = hook.usual = "ok"
    alarm("smoke-02", port)
    wait_for(lambda: chat.accepted() and hook.accepted(), "the next one is not told")
    assert alert not in {one.json["id"] for one in hook.accepted()}
    assert not any(alert in one.json["text"]["content"] for one in chat.accepted())


def _ends(folder, alert):
    return {(one.state, one.why) for one in Receipts(folder).of(alert)}
