"""Delivery as a whole, in one process, against fakes: alerts from the store, workers, failing over, falling silent."""

import json
from contextlib import closing, contextmanager
from zoneinfo import ZoneInfo

import msgspec
import pytest

from console.deliver import outbox_file
from console.deliver import service as service_module
from console.deliver import worker as worker_module
from console.deliver.channel import Surroundings
from console.deliver.channel_file import read_channels
from console.deliver.message_links import MessageLinks
from console.deliver.mutes import Mute, Mutes
from console.deliver.orders import Message
from console.deliver.outbox_file import FILE, STATUS
from console.deliver.receipts import Receipts
from console.deliver.service import Deliverer, Limits
from console.deliver.telling import Telling
from console.people.people import People, Person
from deploy.processes.broker import start_broker
from deploy.processes.supervisor import Supervisor
from ingest.clock import wall_ms
from ingest.days.telling_settings import TellingSettings, rules_of
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, Session, publish_all
from ingest.setup.settings import SettingsError
from ingest.topics import alerts as alerts_topic
from ingest.topics import told
from tests.console.deliver.fakes import FakeHttp
from tests.console.stores import Node
from tests.stream.make_results import T0
from tests.stream.make_results import alert as make_alert
from tests.support import free_port, wait_for


@pytest.fixture
def fakes():
    with closing(FakeHttp()) as chat, closing(FakeHttp()) as hook:
        yield {"chat": chat, "hook": hook}


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Failures are tried again soon."""
    monkeypatch.setattr(worker_module, "_FIRST_S", 0.02)
    monkeypatch.setattr(worker_module, "_LONGEST_S", 0.1)
    monkeypatch.setattr(worker_module, "REFUSED_S", 0.2)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Supervisor(folder := tmp_path_factory.mktemp("broker")) as supervisor:
        start_broker(supervisor, "embedded", port := free_port(), folder)
        yield BrokerAddress(port=port)


class Station:
    """A store, a channels file, and somebody who delivers."""

    def __init__(self, tmp_path, fakes, broker=None, **more):
        self.folder, self.node, self.fakes = tmp_path, Node(tmp_path), fakes
        self.broker = broker or BrokerAddress(port=free_port())
        self.file = tmp_path / "channels.toml"
        self.file.write_text(
            f"[chat]\nkind = 'wecom'\nwhere = 'inside'\nkey = 'k-secret'\nbase_url = '{fakes['chat'].url}'\n"
            f"timeout_s = 0.3\nper_minute = {more.get('per_minute', 1000)}\nnext = '{more.get('next', '')}'\n"
            f"[hook]\nkind = 'webhook'\nwhere = 'outside'\nurl = '{fakes['hook'].url}/hook'\ntimeout_s = 0.3\n"
            "[cap]\nkind = 'cap'\nwhere = 'outside'\nfolder = 'cap'\n"
        )
        self.file.chmod(0o600)
        self.routes = more.get("routes", {"critical": ["chat", "hook", "cap"], "warning": ["chat"], "info": []})
        self.people, self.settings = more.get("people", []), more.get("settings", {})
        self.limits = Limits(more.get("hand_on_ms", 60_000), 10**9)

    @contextmanager
    def delivering(self):
        declared = read_channels(self.file)
        zone = ZoneInfo("Asia/Shanghai")
        around = Surroundings("s1", zone, "en", self.broker, False, self.folder)
        deliverer = Deliverer(self.folder, declared, around, self.telling(declared), self.limits)
        deliverer.start()
        try:
            yield deliverer
        finally:
            deliverer.close()

    def telling(self, declared):
        routes = {severity: " ".join(f"#{name}" for name in names) for severity, names in self.routes.items()}
        rules = tuple(f"{severity} @ {names}" for severity, names in routes.items() if names)
        settings = TellingSettings(**({"rules": rules} | self.settings))
        return Telling(rules_of(settings), declared, ZoneInfo("Asia/Shanghai"), lambda: self.people)

    def tell(self, *alerts):
        self.node.write(alerts=list(alerts))

    def states(self, alert):
        return {one.channel: (one.state, one.why) for one in reversed(Receipts(self.folder).of(alert))}

    def until(self, deliverer, alert, **expected):
        """Deliver until the receipts are these."""

        def done():
            deliverer.step()
            found = self.states(alert)
            return all(found.get(channel) == state for channel, state in expected.items())

        wait_for(done, lambda: f"{alert}: {self.states(alert)}, expected {expected}")


def critical(name="a1", revision=1, **more):
    usual = {"severity": "critical", "kind": "smoke", "heard_ms": T0 + revision * 1000}
    return make_alert(name, revision, **(usual | more))


OK = ("accepted", "")
LONG_AGO = dict.fromkeys(("heard_ms", "raised_ms", "changed_ms"), T0 - 3_600_000)


def test_an_alert_goes_to_the_channels_of_its_severity(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    with station.delivering() as deliverer:
        station.tell(critical(), make_alert("w", 1), make_alert("i", 1, severity="info"))
        station.until(deliverer, "a1", chat=OK, hook=OK, cap=OK)
        station.until(deliverer, "w", chat=OK)
    assert station.states("w").keys() == {"chat"}
    assert station.states("i") == {}
    assert len(fakes["chat"].got) == 2
    assert len(fakes["hook"].got) == 1
    assert (tmp_path / "cap" / "s1-a1-1.xml").exists()


def test_a_server_that_fails_in_every_way_and_comes_back_has_it_in_the_end(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    fakes["chat"].will.extend(["500", "hang", "cut", "html", "refuse 93000 bad key", "drip", "refuse -1 busy"])
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", chat=OK, hook=OK)
    assert [one.did.split()[0] for one in fakes["chat"].got][-1] == "ok"
    assert len(fakes["chat"].got) == 8
    chat = next(one for one in Receipts(tmp_path).of("a1") if one.channel == "chat")
    assert (chat.tries, chat.said) == (8, "0")


def test_what_a_channel_refuses_goes_to_the_next_and_is_said(tmp_path, fakes):
    station = Station(tmp_path, fakes, next="hook", routes={"critical": ["chat"], "warning": [], "info": []})
    fakes["chat"].usual = "refuse 93000 invalid key k-secret"
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", hook=OK, chat=("dropped", "otherwise"))
        station.tell(critical(revision=2))
        station.until(deliverer, "a1", hook=OK)
        status = wait_for(lambda: deliverer.step() or json.loads((tmp_path / STATUS).read_text()), "no status")
    assert "k-secret" not in (tmp_path / STATUS).read_text()
    assert status["channels"].keys() == {"chat", "hook", "cap"}


def test_a_persons_number_that_a_server_repeats_stands_in_no_receipt_and_no_log(tmp_path, fakes, caplog):
    station = Station(tmp_path, fakes, settings={"rules": ("critical @ li",)}, routes={})
    station.people = [Person("li", "Li", "patrol", addresses={"chat": "13800138000"})]
    fakes["chat"].usual = "refuse 40003 nobody has 13800138000"
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", chat=("failed", "refused"))
    assert Receipts(tmp_path).of("a1")[0].said == "40003: 40003 nobody has …"
    assert b"13800138000" in fakes["chat"].got[0].body
    assert "13800138000" not in caplog.text


def test_what_hangs_for_too_long_goes_to_the_next(tmp_path, fakes):
    station = Station(
        tmp_path, fakes, next="hook", hand_on_ms=300, routes={"critical": ["chat"], "warning": [], "info": []}
    )
    fakes["chat"].usual = "hang"
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", hook=OK)


def test_acknowledging_and_clearing_silence_all_channels(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    fakes["chat"].usual = fakes["hook"].usual = "500"
    with station.delivering() as deliverer:
        station.tell(critical(), critical("a2"))
        wait_for(lambda: deliverer.step() or (len(fakes["chat"].got) > 1 and len(fakes["hook"].got) > 1), "no attempt")
        station.tell(critical(revision=2, state="acknowledged", by="Wang"), critical("a2", 2, state="cleared"))
        station.until(deliverer, "a1", chat=("dropped", "acknowledged"), hook=("dropped", "acknowledged"))
        station.until(deliverer, "a2", chat=("dropped", "cleared"), hook=("dropped", "cleared"))
        station.tell(critical("a3"))
        asked = [fakes["chat"].got, fakes["hook"].got]
        # What was on its way when the others fell silent has its answer once the next is asked for.
        wait_for(lambda: deliverer.step() or all("a3" in str(got[-1].json) for got in asked), "a3 is not told")
        fakes["chat"].usual = fakes["hook"].usual = "ok"
        station.until(deliverer, "a3", chat=OK, hook=OK)
    assert [one.json["text"]["content"].splitlines()[-1] for one in fakes["chat"].accepted()] == ["No. a3/1"]
    assert len(fakes["hook"].accepted()) == 1


def test_the_rate_of_a_channel_is_kept_and_the_most_severe_goes_first(tmp_path, fakes):
    station = Station(tmp_path, fakes, per_minute=2)
    with station.delivering() as deliverer:
        station.tell(critical("a1"), make_alert("w1", 1), critical("a2"))
        station.until(deliverer, "a1", chat=OK)
        station.until(deliverer, "a2", chat=OK)
    with station.delivering() as deliverer:  # a restart does not begin the minute again
        station.tell(critical("a3"))
        station.until(deliverer, "a3", hook=OK)
    assert len(fakes["chat"].got) == 2
    assert station.states("w1") == {"chat": ("waiting", "")}


def test_a_clock_that_is_set_back_holds_up_no_channel(tmp_path, fakes, monkeypatch):
    station = Station(tmp_path, fakes, per_minute=2)
    fakes["chat"].will.extend(["429 3600", "ok"])
    with station.delivering() as deliverer:
        station.tell(critical("a1"))
        station.until(deliverer, "a1", chat=("waiting", "busy"))
        day_ms, hour_ms = 86_400_000, 3_700_000
        back, on = wall_ms() - day_ms, worker_module._spent_ms() + hour_ms
        monkeypatch.setattr(worker_module, "wall_ms", lambda: back)
        monkeypatch.setattr(service_module, "wall_ms", lambda: back)
        monkeypatch.setattr(worker_module, "_spent_ms", lambda: on)
        monkeypatch.setattr(service_module, "_DISK_S", 0.05)
        deliverer._due.clear()
        station.until(deliverer, "a1", chat=OK)


def test_at_the_first_start_old_alerts_are_passed_over_and_later_what_came_meanwhile_is_told(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    hour = 3_600_000
    new = critical("new", raised_ms=T0 + hour, heard_ms=T0 + hour)
    station.node.write(now_ms=T0 + hour, alerts=[critical("old"), new])
    with station.delivering() as deliverer:
        station.until(deliverer, "new", chat=OK)
    assert station.states("old") == {}
    over = critical("over", 1), critical("over", 2, state="cleared")
    station.node.write(now_ms=T0 + 2 * hour, alerts=[critical("meanwhile"), *over])
    with station.delivering() as deliverer:
        station.until(deliverer, "meanwhile", chat=OK, hook=OK)
    assert station.states("over") == {}


def test_alerts_over_mqtt_are_told_while_the_store_cannot_be_read(tmp_path, fakes, broker):
    station = Station(tmp_path, fakes, broker=broker)
    station.node.store_path.write_bytes(b"junk" * 1000)
    payload = msgspec.json.encode(msgspec.structs.asdict(critical()) | {"text": {"en": "x"}})
    with station.delivering() as deliverer:
        wait_for(lambda: deliverer.step() or deliverer.hears, "no session")
        topic = alerts_topic("s1", "b1")
        publish_all(broker, [Outbound(topic, b"{"), Outbound(topic, payload)])
        station.until(deliverer, "a1", chat=OK, hook=OK)
    assert len(fakes["chat"].got) == 1


def test_what_somebody_made_up_over_mqtt_silences_nothing(tmp_path, fakes, broker, caplog):
    station = Station(tmp_path, fakes, broker=broker)
    fakes["chat"].usual = "500"
    with station.delivering() as deliverer:
        wait_for(lambda: deliverer.step() or deliverer.hears, "no session")
        station.tell(critical())
        station.until(deliverer, "a1", hook=OK)
        made_up = [critical(revision=2_000_000_000, state=state) for state in ("acknowledged", "raised")]
        payloads = [msgspec.json.encode(msgspec.to_builtins(one)) for one in made_up]
        for payload in payloads:
            publish_all(broker, [Outbound(alerts_topic("s1", "b1"), payload)])
            wait_for(lambda: deliverer.step() or "left out" in caplog.text, "it was not left out")
            caplog.clear()
        fakes["chat"].usual = "ok"
        station.until(deliverer, "a1", chat=OK)
        station.tell(critical(revision=2))
        wait_for(lambda: deliverer.step() or len(fakes["hook"].got) == 2, "what came later was not told")


def test_what_is_no_alert_of_the_site_ends_nothing_and_names_no_file(tmp_path, fakes, broker, caplog):
    station = Station(tmp_path, fakes, broker=broker)
    document = msgspec.to_builtins(critical())
    hostile = [
        {"id": "../../out"},
        {"id": "a\r\nX-Header: y"},
        {"id": "site", "site": "../s1"},
        {"id": "far", "revision": 2**63},
        {"id": "below", "revision": -(2**70)},
        {"id": "late", "raised_ms": 2**64},
    ]
    with station.delivering() as deliverer:
        wait_for(lambda: deliverer.step() or deliverer.hears, "no session")
        payloads = [msgspec.json.encode(document | one) for one in (*hostile, {})]
        publish_all(broker, [Outbound(alerts_topic("s1", "b1"), payload) for payload in payloads])
        station.until(deliverer, "a1", chat=OK, hook=OK, cap=OK)
    assert len(fakes["chat"].got) == len(fakes["hook"].got) == 1
    assert {path.name for path in tmp_path.rglob("*.xml")} == {"s1-a1-1.xml", "feed.xml"}
    assert caplog.text.count("cannot be read") == len(hostile)


def test_a_channel_that_settings_name_and_nobody_declared_is_refused(tmp_path, fakes):
    station = Station(tmp_path, fakes, routes={"critical": ["pager"], "warning": [], "info": []})
    expected = "telling has #pager, expected #chat, #hook, #cap"
    with pytest.raises(SettingsError, match=expected), station.delivering():
        pass


def test_a_channel_that_is_gone_leaves_nothing_waiting(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    fakes["chat"].usual = "500"
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", hook=OK)
    station.file.write_text(station.file.read_text().partition("[hook]")[2].join(["[hook]", ""]))
    station.routes = {"critical": ["hook"], "warning": [], "info": []}
    with station.delivering():
        assert station.states("a1")["chat"] == ("dropped", "no_channel")


def test_a_channel_over_mqtt_waits_for_the_brokers_word(tmp_path, fakes, broker):
    heard = []
    ear = Session(broker, "ear", filters=[told("s1", "siren")], on_message=heard.append)
    ear.connect()
    ear.start()
    station = Station(tmp_path, fakes, broker=broker, routes={"critical": ["siren"], "warning": [], "info": []})
    station.file.write_text("[siren]\nkind = 'mqtt'\nwhere = 'inside'\ntimeout_s = 0.3\n")
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", siren=OK)
    wait_for(lambda: heard, "nothing was heard")
    ear.close()
    assert msgspec.json.decode(heard[0].payload)["id"] == "a1"
    station.broker = BrokerAddress(port=free_port())  # nobody listens there
    with station.delivering() as deliverer:
        station.tell(critical("a2"))
        station.until(deliverer, "a2", siren=("waiting", "away"))


def test_reminders_and_escalation_end_when_somebody_takes_it_up(tmp_path, fakes, monkeypatch):
    now = [1_000_000_000_000]
    monkeypatch.setattr("console.deliver.service.wall_ms", lambda: now[0])
    settings = {"remind": ("critical every 5 min",), "escalate": ("critical after 10 min @ #hook",)}
    station = Station(tmp_path, fakes, routes={"critical": ["chat"], "warning": [], "info": []}, settings=settings)
    chat, hook = fakes["chat"], fakes["hook"]

    def passes(minutes, deliverer):
        now[0] += minutes * 60_000
        deliverer._due.clear()
        deliverer.step()

    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", chat=OK)
        passes(6, deliverer)
        wait_for(lambda: len(chat.got) == 2, "no reminder")
        assert "Reminder: nobody has taken it up yet." in chat.got[1].json["text"]["content"]
        assert not hook.got
        passes(5, deliverer)
        wait_for(lambda: len(hook.got) == 1, "nobody else is asked")
        assert hook.got[0].json["act"] == "escalation"
        passes(0, deliverer)
        wait_for(lambda: len(chat.got) == 3, "who was told first is not reminded")
        wait_for(lambda: len(hook.got) == 2, "who was asked is not reminded")
        station.tell(critical(revision=2, state="acknowledged", by="Wang"))
        station.until(deliverer, "a1", chat=OK)
        passes(60, deliverer)
        station.tell(critical(revision=3))
        wait_for(lambda: deliverer.step() or len(chat.got) == 4, "not told again")
    assert "Raised again; Wang had taken it up." in chat.got[3].json["text"]["content"]
    assert len(hook.got) == 2


def test_quiet_hours_and_mutes_hold_back_and_what_still_holds_is_told(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    with closing(Mutes(tmp_path)) as mutes, station.delivering() as deliverer:
        number = mutes.add(Mute(0, 2**50, "", "smoke", "", "cli", "painting"))
        station.tell(critical(), critical("a2"), critical("a3", kind="fire"))
        station.until(deliverer, "a3", chat=OK, hook=OK)
        station.tell(critical("a2", 2, state="cleared"))
        station.until(deliverer, "a2", chat=("dropped", "cleared"))
        mutes.remove(number, 0)
        for worker in deliverer._workers.values():
            worker.ring()
        station.until(deliverer, "a1", chat=OK, hook=OK)
    said = [one.json["text"]["content"] for one in fakes["chat"].got]
    assert [text.splitlines()[-1] for text in said] == ["No. a3/1", "No. a1/1"]
    assert "Held back (quiet hours, or work on the place)" in said[1]


def test_a_message_to_one_person_inside_has_a_link_of_his_own(tmp_path, fakes):
    people = People(tmp_path)
    people.add(Person("wang", "Wang", "duty", "en", addresses={"post": "wang@b"}), by="test")
    links = MessageLinks("https://board:8060/", people)
    message = Message(1, "post", "wang@b", 0, 0, critical(), persons=("wang",))
    first = links.of(message, outside=False, group=False)
    assert first == links.of(message, outside=False, group=False)  # also when it is tried again
    token = first.partition("https://board:8060/go#")[2]
    assert people.of_link(token, "alert").id == "wang"
    for where in ({"outside": True, "group": False}, {"outside": False, "group": True}):
        assert links.of(message, **where) == "https://board:8060/"
    assert links.of(message._replace(persons=("wang", "li")), outside=False, group=False) == "https://board:8060/"
    assert MessageLinks("", people).of(message, outside=False, group=False) == ""


def test_a_disk_that_takes_nothing_silences_nobody_and_has_it_all_when_it_takes_again(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    with station.delivering() as deliverer:
        box = deliverer._box
        station.tell(critical())
        station.until(deliverer, "a1", chat=OK, hook=OK, cap=OK)
        pages = box._db.execute("PRAGMA page_count").fetchone()[0]
        box._db.execute(f"PRAGMA max_page_count = {pages}")
        station.tell(critical("a2", place={"en": "a long way " * 3000}))
        wait_for(lambda: deliverer.step() or len(fakes["hook"].got) == 2, "it waits for the disk")
        assert station.states("a2") == {}, "it is in memory"
        wait_for(lambda: deliverer.step() or "in memory" in (tmp_path / STATUS).read_text(), "it is not said")
        assert box._file is not None
        box._file.execute(f"PRAGMA max_page_count = {pages * 100}")
        deliverer._due.clear()
        station.until(deliverer, "a2", chat=OK, hook=OK)
        station.tell(critical("a3"))
        station.until(deliverer, "a3", chat=OK, hook=OK)
    assert [len(fake.got) for fake in fakes.values()] == [3, 3]


def test_an_acknowledgement_behind_very_many_alerts_silences_before_they_are_told(tmp_path, fakes, monkeypatch):
    monkeypatch.setattr(service_module, "_AT_ONCE", 3)
    fakes["hook"].usual = "500"
    station = Station(tmp_path, fakes)
    with station.delivering() as deliverer:
        station.tell(critical("x"))
        station.until(deliverer, "x", hook=("waiting", "error"))
        many = [critical(f"a{number}") for number in range(7)]
        station.tell(*many, critical("x", 2, state="acknowledged", by="Wang", changed_ms=T0 + 60_000))
        deliverer.step()
        assert station.states("x")["hook"] == ("dropped", "acknowledged")
        told = [bool(station.states(alert.id)) for alert in many]
        assert not all(told)  # of very many only some are taken before it looks again
        wait_for(lambda: deliverer.step() or all(station.states(alert.id) for alert in many), "not all are told")


def test_an_outbox_that_is_removed_while_it_runs_is_made_anew_with_all_that_it_had(tmp_path, fakes, monkeypatch):
    monkeypatch.setattr(service_module, "_FILE_S", 0.0)
    fakes["hook"].usual = "500"
    station = Station(tmp_path, fakes)
    with station.delivering() as deliverer:
        station.tell(critical())
        station.until(deliverer, "a1", chat=OK, hook=("waiting", "error"))
        for part in ("", "-wal", "-shm"):
            (tmp_path / f"{FILE}{part}").unlink()
        fakes["hook"].usual = "ok"
        station.until(deliverer, "a1", chat=OK, hook=OK)
        assert len(fakes["chat"].got) == 1
        deliverer._write_status()
    found = json.loads((tmp_path / STATUS).read_text())["anew"]
    assert (found["why"], found["kept"]) == ("was removed", True)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("readable", [True, False])
def test_of_an_outbox_that_is_damaged_while_it_runs_what_is_open_in_the_store_is_told_again(
    tmp_path, fakes, monkeypatch, readable
):
    if not readable:  # else SQLite may still have all its pages in memory
        monkeypatch.setattr(outbox_file, "_copied", lambda _source, _path: False)
    monkeypatch.setattr(service_module, "_FILE_S", 0.0)
    monkeypatch.setattr(service_module, "_CHECK_S", 0.0)
    fakes["hook"].usual = "500"
    station = Station(tmp_path, fakes)
    with closing(Mutes(tmp_path)) as mutes:
        mutes.add(Mute(0, wall_ms() + 3_600_000, "b9", "", "", "cli", "painting"))
    with station.delivering() as deliverer:
        station.tell(critical(), critical("over"), critical("over", 2, state="cleared"))
        station.until(deliverer, "a1", chat=OK, hook=("waiting", "error"))
        station.tell(critical("long", **LONG_AGO))
        station.until(deliverer, "long", chat=OK)
        with (tmp_path / FILE).open("r+b") as file:
            file.write(b"\0" * 8192)
        (tmp_path / f"{FILE}-wal").write_bytes(b"")
        fakes["hook"].usual = "ok"
        wait_for(
            lambda: (
                deliverer.step()
                or (
                    list(tmp_path.glob(f"{FILE}.damaged-*"))
                    and all(station.states(name).get("hook") == OK for name in ("a1", "long"))
                )
            ),
            "not told again",
        )
        assert station.states("over") == {}
        wait_for(lambda: deliverer.step() or station.states("long")["chat"] == OK, "not told again")
        deliverer._write_status()
    assert json.loads((tmp_path / STATUS).read_text())["anew"]["kept"] == readable
    assert len(fakes["chat"].got) == (2 if readable else 4)


def test_an_outbox_that_was_removed_while_nobody_delivered_lets_what_is_open_be_told_again(tmp_path, fakes):
    station = Station(tmp_path, fakes)
    with station.delivering() as deliverer:
        station.tell(
            critical(**dict.fromkeys(("heard_ms", "raised_ms", "changed_ms"), T0 - 3_600_000)), critical("new")
        )
        station.until(deliverer, "new", chat=OK)
        wait_for(lambda: deliverer.step() or (tmp_path / STATUS).exists(), "no status")
    assert station.states("a1") == {}  # the very first start tells of the last minutes alone
    (tmp_path / FILE).unlink()
    with station.delivering() as deliverer:
        station.until(deliverer, "a1", chat=OK)
