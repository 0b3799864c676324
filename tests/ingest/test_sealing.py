"""Plates are sealed before the edge's disk, opened by the gateway, and nowhere else to be read."""

import json
import logging
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.clock import SystemClock
from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.edge.plain_lines import feed
from ingest.gateway.intake import Intake
from ingest.gateway.plate_keys import add_seal_key, load_plates, public_seal_keys
from ingest.gateway.plates import SEALED, PlateKeyError, normalise
from ingest.gateway.routes import Routes
from ingest.login import BrokerAddress
from ingest.observations import MAX_PLATE
from ingest.sealing import PrivateKeys, SealError, new_secret, read_public_key
from ingest.setup import extras
from tests.support import examples, free_port

PLATE = "京A·98765"
TOPIC = topics.observations("s", "b", "g")


def gate(plate, seq=1):
    return {"type": "gate", "ts": SystemClock().now_ms(), "seq": seq, "plate": plate}


class Station:
    """A gateway's keys in a folder, and what its intake makes of messages."""

    def __init__(self, folder):
        self.seal_path = folder / "keys" / "seal.key"
        self.plates_path = folder / "keys" / "plates.key"
        add_seal_key(self.seal_path)
        self.public = folder / "station.seal"
        self.write_public()
        self.plates = load_plates(self.plates_path, seal_path=self.seal_path)
        self.intake = Intake(routes=Routes("s", None), clock=SystemClock(), plates=self.plates)

    def write_public(self):
        self.public.write_text(public_seal_keys(self.seal_path)[-1] + "\n")

    def key(self):
        return read_public_key(self.public)

    def take(self, *observations):
        self.intake.take(TOPIC, json.dumps(list(observations), ensure_ascii=False).encode())
        return self.intake.finish()


@pytest.fixture
def station(tmp_path):
    return Station(tmp_path)


@settings(max_examples=examples(50))
@given(plate=st.text(max_size=20).filter(lambda text: len(text.encode("utf-8", "replace")) < 64))
def test_what_is_sealed_can_be_opened_and_all_look_alike(plate):
    keys = PrivateKeys([new_secret()])
    sealed = [keys.public[0].seal(plate) for _ in range(2)]
    assert [keys.open(one) for one in sealed] == [plate.encode("utf-8", "replace").decode()] * 2
    assert sealed[0] != sealed[1]
    assert {len(one) for one in sealed} == {157}
    assert all(SEALED.match(one) for one in sealed)
    assert len(sealed[0]) <= MAX_PLATE


def test_a_text_too_long_for_a_plate_is_refused_and_not_shown():
    with pytest.raises(SealError, match="64 bytes long") as caught:
        PrivateKeys([new_secret()]).public[0].seal("X" * 64)
    assert "X" * 5 not in str(caught.value)


def test_a_sealed_plate_has_the_token_that_a_raw_one_has(station):
    token = station.plates.token(PLATE)
    taken = station.take(gate(station.key().seal(normalise(PLATE)), 1), gate(PLATE, 2))
    assert (taken.observations, taken.refusals) == (2, [])
    assert taken.records[0].payload.count(token.encode()) == 1  # one text, which both rows have
    single = station.take(gate(station.key().seal(normalise(PLATE)), 3))
    assert token.encode() in single.records[0].payload


def test_what_cannot_be_opened_is_refused_by_name_and_the_rest_is_taken(station, tmp_path):
    sealed = station.key().seal("京A12345")
    (tmp_path / "other").mkdir()
    foreign = Station(tmp_path / "other").key().seal("京A12345")
    damaged = sealed[:-9] + ("A" if sealed[-9] != "A" else "B") + sealed[-8:]
    short = sealed[:100]
    taken = station.take(gate(sealed, 1), gate(foreign, 2), gate(damaged, 3), gate(short, 4), gate("沪B00001", 5))
    assert taken.observations == 2
    assert [refusal.reason for refusal in taken.refusals] == ["plate"] * 3
    for refusal, text in zip(taken.refusals, ("which this gateway has not", "damaged", "cut short"), strict=True):
        assert text in refusal.detail.replace("that this", "which this")
        assert b"12345" not in refusal.payload
    assert json.loads(taken.refusals[0].payload)["plate"] == foreign, "it can be replayed once the key is there"


def test_a_gateway_without_a_key_says_what_to_do(tmp_path, station):
    plates = load_plates(station.plates_path, seal_path=tmp_path / "none.key")
    intake = Intake(routes=Routes("s", None), clock=SystemClock(), plates=plates)
    intake.take(TOPIC, json.dumps(gate(station.key().seal("京A12345"))).encode())
    [refusal] = intake.finish().refusals
    assert "patrolgrid plates keys" in refusal.detail


def test_one_message_holds_only_so_many_sealed_plates(station):
    sealed = station.key().seal("京A12345")
    taken = station.take(*(gate(sealed, n) for n in range(201)))
    assert (taken.observations, [refusal.reason for refusal in taken.refusals]) == (0, ["size"])
    assert station.take(*(gate(sealed, n) for n in range(200))).observations == 200


def test_a_running_gateway_takes_up_a_new_key_and_still_opens_what_was_sealed_before(station):
    before = station.key().seal("京A12345")
    add_seal_key(station.seal_path)
    station.write_public()
    station.plates.refresh(SystemClock().now_ms())
    taken = station.take(gate(before, 1), gate(station.key().seal("京A12345"), 2))
    assert (taken.observations, taken.refusals) == (2, [])


def test_the_private_key_is_for_its_owner_only(station):
    assert station.seal_path.stat().st_mode & 0o777 == 0o600
    station.seal_path.chmod(0o640)
    with pytest.raises(PlateKeyError, match="lets others read it"):
        load_plates(station.plates_path, seal_path=station.seal_path)


@pytest.mark.parametrize("damage", [str.lower, lambda line: line[:-3], lambda _line: "", lambda _line: "plates.key"])
def test_a_public_key_that_was_copied_wrongly_is_noticed(station, damage):
    station.public.write_text(damage(station.public.read_text()))
    with pytest.raises(SealError, match=r"station\.seal: is no public key"):
        station.key()


def test_without_the_extra_it_says_how_to_get_it(station, monkeypatch):
    monkeypatch.delitem(sys.modules, "ingest.sealing")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hpke", None)
    with pytest.raises(extras.MissingExtraError, match=r"cryptography.*\[seal\]"):
        load_plates(station.plates_path, seal_path=station.seal_path)


# The edge agent -----------------------------------------------------------------------------------------------------


def agent_of(folder, seal_key=None):
    return closing(
        EdgeAgent(
            EdgeSettings(
                site="s", beat="b", device="g", spool=folder / "spool" / "s.db", seal_key=seal_key,
                broker=BrokerAddress(port=free_port()),
            )
        )
    )  # fmt: skip


def lines(*plates):
    return [json.dumps({"type": "gate", "plate": plate}, ensure_ascii=False).encode() + b"\n" for plate in plates]


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_raw_plate_never_touches_the_edges_disk(station, tmp_path):
    with agent_of(tmp_path, station.public) as agent:
        assert feed(agent, lines(PLATE, PLATE, "无牌", "h1:aaaa0123456789abcdef0123456789abcdef")) == (4, 0)
        batch = agent.spool.take(agent.spool.reader("g"), limit=9, max_bytes=1 << 20)
        assert batch is not None
        payload = b"[" + b",".join(batch.payloads) + b"]"
        found = bytes_of(tmp_path / "spool")
    for trace in ("98765", PLATE):
        assert trace.encode() not in found
    plates = [row["plate"] for row in json.loads(payload)]
    assert [len(plate) for plate in plates] == [157, 157, 0, 39]
    station.intake.take(TOPIC, payload)
    taken = station.intake.finish()
    assert (taken.observations, taken.refusals) == (4, [])
    assert station.plates.token(PLATE).encode() in taken.records[0].payload


def test_without_a_key_the_passage_is_taken_without_its_plate_and_loudly(tmp_path, caplog):
    with agent_of(tmp_path) as agent:
        assert feed(agent, lines(PLATE, PLATE, "")) == (3, 0)
        batch = agent.spool.take(agent.spool.reader("g"), limit=9, max_bytes=1 << 20)
        assert batch is not None
        assert [json.loads(payload)["plate"] for payload in batch.payloads] == [""] * 3
        assert agent.stats().plates_removed == 2
        assert b"98765" not in bytes_of(tmp_path / "spool")
    assert [record.levelno for record in caplog.records if "WITHOUT ITS PLATE" in record.message] == [logging.ERROR]
    assert "98765" not in caplog.text


@pytest.mark.parametrize(
    "item",
    [
        {"type": "state", "metric": "door", "value": "京A9Z8Y7X"},
        {"type": "state", "metric": "plate", "value": "ABC9Z8Y7X"},
        {"type": "level", "metric": "京A9Z8Y7X", "value": 1},
        {"type": "level", "metric": "noise", "value": 1, "unit": "京A9Z8Y7X"},
        {"type": "gate", "plate": "京A9Z8Y7X" * 8},
        {"type": "京A9Z8Y7X"},
        {"type": "gate", "direction": "京A9Z8Y7X"},
        {"type": "count", "interval_s": "京A9Z8Y7X"},
    ],
)
def test_a_plate_in_a_place_where_none_belongs_reaches_no_disk(station, tmp_path, item, caplog):
    with agent_of(tmp_path, station.public) as agent:
        assert feed(agent, [json.dumps(item, ensure_ascii=False).encode()]) == (0, 1)
        assert b"9Z8" not in bytes_of(tmp_path / "spool")
    assert "line 1 refused" in caplog.text
    assert "9Z8" not in caplog.text.replace("spool", "")


def patrolgrid(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "console.cli", *arguments], capture_output=True, text=True, check=False, **more
    )


def test_the_commands_from_the_key_to_the_sealed_spool(tmp_path):
    config = tmp_path / "patrolgrid.toml"
    config.write_text(f'[site]\nid = "s"\n[data]\ndir = "{tmp_path}/data"\n')
    made = patrolgrid("plates", "keys", "--config", str(config), "--lang", "en")
    assert (made.returncode, made.stdout.count("\n")) == (0, 1)
    assert "New key" in made.stderr
    private = tmp_path / "data.keys" / "s" / "seal.key"
    assert private.stat().st_mode & 0o777 == 0o600
    assert json.loads(private.read_bytes())["keys"][0]["secret"] not in made.stdout + made.stderr
    again = patrolgrid("plates", "keys", "--config", str(config))
    assert again.stdout == made.stdout
    newer = json.loads(patrolgrid("plates", "keys", "--new", "--json", "--config", str(config)).stdout)
    assert newer["older"] == [made.stdout.strip()]
    public = tmp_path / "station.seal"
    public.write_text(made.stdout)
    edge = ["edge", "--site", "s", "--beat", "b", "--device", "g", "--spool", str(tmp_path / "sp" / "s.db"),
            "--broker", f"127.0.0.1:{free_port()}", "--flush-s", "0", "--json"]  # fmt: skip
    line = lines(PLATE)[0].decode()
    found = patrolgrid(*edge, "--seal-key", str(public), input=line)
    assert json.loads(found.stdout)["plates_removed"] == 0
    assert b"s1:" in bytes_of(tmp_path / "sp")
    found = patrolgrid(*edge, input=line)
    assert json.loads(found.stdout)["plates_removed"] == 1
    assert "plates keys" in found.stderr
    assert b"98765" not in bytes_of(tmp_path / "sp")
    found = patrolgrid(*edge, "--seal-key", str(config), input=line)
    assert (found.returncode, "is no public key" in found.stderr) == (2, True)
