"""The week's report is told once, by the rules, with the report in the mail."""

import sys
from contextlib import closing, contextmanager
from email import message_from_string
from email.policy import default

import pytest

from console.deliver.channel import Surroundings
from console.deliver.channel_file import read_channels
from console.deliver.message_links import MessageLinks
from console.deliver.orders import Message
from console.deliver.outbox_file import FILE
from console.deliver.receipts import Receipts
from console.deliver.service import Deliverer, Limits
from console.deliver.telling import Telling
from console.people.people import People, Person
from console.report import monday
from console.report.reckoning import week_report
from ingest.days.telling_settings import TellingSettings, rules_of
from ingest.login import BrokerAddress
from tests.console.deliver.fakes import FakeHttp, FakeSmtp
from tests.console.report import report_site as site
from tests.stream.make_results import alert as make_alert
from tests.support import free_port, wait_for

CHIEF = Person("chief", "Zhao", "chief", "zh-CN", addresses={"mail": "chief@station.example"})
WRITES = "import sys; open(sys.argv[-3], 'wb').write(b'%PDF of ' + sys.argv[-1].encode())"
"""Stands in for `patrolgrid report week … --pdf FILE --lang LANGUAGE`."""


class Office:
    """A site with a week to tell, a mail server and a chat; somebody delivers while `open` lasts."""

    def __init__(self, folder, **telling):
        self.source = site.build(folder)
        week_report(self.source, site.WEEK)
        self.folder, self.rules = self.source.folder, TellingSettings(**telling)
        self.smtp, self.chat = FakeSmtp(), FakeHttp()
        self.file = folder / "channels.toml"
        self.file.write_text(
            f"[chat]\nkind = 'wecom'\nwhere = 'outside'\nkey = 'k-secret'\nbase_url = '{self.chat.url}'\n"
            f"[mail]\nkind = 'mail'\nwhere = 'inside'\nhost = '127.0.0.1'\nport = {self.smtp.port}\nsecure = 'none'\n"
            "sender = 'pg@station.example'\nrecipients = ['all@station.example']\n",
            encoding="utf-8",
        )
        self.file.chmod(0o600)

    @contextmanager
    def open(self, script=WRITES):
        declared = read_channels(self.file)
        telling = Telling(rules_of(self.rules), declared, site.ZONE, lambda: [CHIEF])
        broker = BrokerAddress(port=free_port())
        links = MessageLinks("https://board.example", People(self.folder))
        around = Surroundings(
            "s1", site.ZONE, "en", broker, False, self.folder, links, lambda *told: monday.attached(self.folder, *told)
        )
        with closing(Deliverer(self.folder, declared, around, telling, Limits(60_000, 10**9))) as deliverer:
            command = [sys.executable, "-c", script]
            teller = monday.WeekTeller(self.folder, "s1", site.ZONE, telling, deliverer, command)
            deliverer.start()
            with closing(teller):
                yield deliverer, teller

    def close(self):
        self.smtp.close()
        self.chat.close()
        self.source.reader.close()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path, week=("Mon 07:00-12:00 @ role:chief #chat",))
    yield made
    made.close()


def receipts(office):
    return {one.channel: one.state for one in Receipts(office.folder).of("week-2026-W48")}


def deliver(office, deliverer):
    def done():
        deliverer.step()
        return receipts(office) == {"chat": "accepted", "mail": "accepted"}

    wait_for(done, lambda: receipts(office))


def test_a_week_is_told_once_in_each_readers_language_with_the_report_in_the_mail(office):
    with office.open() as (deliverer, teller):
        assert teller.look()
        deliver(office, deliverer)
    (said,) = office.chat.accepted()
    text = said.json["text"]["content"] if "text" in said.json else said.body.decode()
    assert "The week 2026-W48" in text
    assert "Alerts: 5 (weeks before: 4.4 (2 to 7, 5 weeks))" in text
    assert "https://board.example/report" in text
    (mail,) = (message_from_string(raw, policy=default) for raw in office.smtp.mails)
    assert mail["Subject"] == "周报 2026-W48"
    body = mail.get_body()
    assert body is not None
    assert "无人签收 2 条" in body.get_content()
    (report,) = mail.iter_attachments()
    assert (report.get_filename(), report.get_content()) == ("s1-2026-W48.pdf", b"%PDF of zh-CN")
    assert site.OFFICER not in text + body.get_content()
    with office.open() as (deliverer, teller):  # a start later nothing is told again
        assert teller.look()
        assert deliverer.knows("week-2026-W48")
    (office.folder / FILE).unlink()
    with office.open() as (deliverer, teller):  # nor where the outbox is lost
        assert teller.look()
        assert not deliverer.knows("week-2026-W48")
    assert (len(office.chat.got), len(office.smtp.mails)) == (1, 1)


def test_where_no_pdf_can_be_made_the_page_goes_and_where_nothing_can_be_it_is_told_all_the_same(office):
    with office.open("import sys; sys.exit('--pdf' in sys.argv or open(sys.argv[-3], 'w').write('<p>') and 0)") as (
        _,
        one,
    ):
        assert one.look()
    told = monday.attached(office.folder, _message("week", "week-2026-W48"), "en")
    assert told == ("s1-2026-W48.html", "text/html", b"<p>")
    assert monday.attached(office.folder, _message("call", "a1"), "en") is None
    assert monday.attached(office.folder, _message("week", "week-2026-W47"), "en") is None


def test_what_is_not_due_or_for_nobody_is_not_told(tmp_path):
    for number, week in enumerate(((), ("Fri 07:00-09:00 @ role:chief",), ("Mon 07:00-09:00 @ role:engineer",))):
        office = Office(tmp_path / str(number), week=week)
        with office.open("raise SystemExit(1)") as (deliverer, teller):
            assert teller.look()
            assert not deliverer.knows("week-2026-W48")
        office.close()


def _message(act, identifier):
    return Message(1, "mail", "", 0, 0, make_alert(identifier, 1), act=act)
