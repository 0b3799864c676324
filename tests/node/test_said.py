"""What docs/devices.md shows, published to a station: each line is stored, or in quarantine with the reason it names.

`patrolgrid listen` hears it, and says the same.
"""

import json
from contextlib import closing

from console.cli.commands import listen
from console.cli.main import main
from ingest.gateway.quarantine import Quarantine
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, publish_all
from tests.documented import examples
from tests.node.conftest import GROUP
from tests.node.harness import SITE
from tests.support import wait_for

pytestmark = GROUP


def observations(one):
    message = json.loads(one.payload)
    return len(message) if isinstance(message, list) else 1


def fate(heard):
    return (
        heard["refused"][0]["reason"]
        if heard["refused"]
        else "stored"
        if heard["rows"] or heard["other"]
        else "ignored"
    )


def test_every_line_of_the_page_ends_where_it_says_and_listen_says_so(site, capsys, monkeypatch):
    with closing(site.reader()) as reader:
        now_ms, before = reader.progress()["now_ms"], reader.counters()["accepted"]
        lines = examples(site=SITE, now_ms=now_ms)
        told = [Outbound(one.topic, one.payload.encode(), retain=one.retain) for one in lines]
        subscribed = listen._subscribed

        def then_told(*arguments):
            found = subscribed(*arguments)
            publish_all(BrokerAddress(port=site.port), told)
            return found

        monkeypatch.setattr(listen, "_subscribed", then_told)
        config = ["--config", str(site.folder / "patrolgrid.toml")]
        assert main(["listen", "--all", "--json", "--count", str(len(lines)), "--seconds", "60", *config]) == 0
        stored = [one for one in lines if one.fate == "stored" and one.topic.endswith("/obs")]
        wanted = before + sum(map(observations, stored))
        wait_for(lambda: reader.counters()["accepted"] == wanted, lambda: f"{reader.counters()}, expected {wanted}")
        wait_for(lambda: {one["id"] for one in reader.incidents()} >= {"110-4711", "110-4712"}, "the incidents")
        assert [one["plate"][:3] for one in reader.gates("gate-01")] == ["h1:"]
        assert [one["value"] for one in reader.states("door-01")] == ["open"]
    refused = {(one.topic, one.fate) for one in lines if one.fate not in {"stored", "ignored", "clock"}}
    refused.add(("old-market/camera-01", "clock"))  # by the pipeline, which knows no topics
    with closing(Quarantine(site.folder / "data" / SITE / "quarantine.db")) as quarantine:

        def found():
            return {(one.topic, one.reason) for one in quarantine.list(limit=1_000) if one.last_ms >= now_ms}

        wait_for(lambda: found() >= refused, lambda: f"missing: {refused - found()}")
        assert found() == refused
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["topic"], fate(one)) for one in heard] == [(one.topic, one.fate) for one in lines]
