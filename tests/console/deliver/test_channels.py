"""Each channel against a fake server: what it sends, and what it makes of every answer."""

import base64
import hashlib
import hmac
import importlib
import re
from contextlib import closing
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from console.deliver.channel import ChannelRefusedError, LaterError, Surroundings
from console.deliver.channel_file import open_channel, read_channels
from console.deliver.orders import Message
from ingest.login import BrokerAddress
from ingest.setup.settings import SettingsError
from stream.sentences import Why
from tests.console.deliver.fakes import FakeHttp, FakeSmtp
from tests.stream.make_results import T0
from tests.stream.make_results import alert as make_alert

ZONE = ZoneInfo("Asia/Shanghai")


def around(tmp_path=Path(), **more):
    usual: dict[str, Any] = {"site": "s1", "zone": ZONE, "language": "en", "broker": BrokerAddress(), "exercise": False}
    return Surroundings(**(usual | {"base": tmp_path} | more))


def channel(tmp_path, text, **more):
    file = tmp_path / "channels.toml"
    file.write_text(f"[c]\nwhere = 'inside'\n{text}\n" if "where" not in text else f"[c]\n{text}\n")
    file.chmod(0o600)
    return open_channel("c", read_channels(file)["c"], around(tmp_path, **more))


def message(to="", **more):
    return Message(1, "c", to, 0, 10**15, make_alert("a1", 3, **more))


@pytest.fixture
def fake():
    with closing(FakeHttp()) as server:
        yield server


BOTS = {
    "wecom": "kind = 'wecom'\nkey = 'k-1'",
    "dingtalk": "kind = 'dingtalk'\ntoken = 't-1'\nsecret = 'SEC1'",
    "feishu": "kind = 'feishu'\ntoken = 't-1'\nsecret = 'SEC1'",
}


def bot(tmp_path, name, fake, more="", **kwargs):
    return channel(tmp_path, f"{BOTS[name]}\nbase_url = '{fake.url}'\ntimeout_s = 0.4\n{more}", **kwargs)


def test_wecom_gets_its_text_and_who_is_called(tmp_path, fake):
    sender = bot(tmp_path, "wecom", fake, "mentions = ['zhang', '13800001111', '@all']")
    sender.send(message())
    sender.send(message(to="li"))
    got = fake.got[0]
    assert got.path == "/cgi-bin/webhook/send?key=k-1"
    assert got.json["msgtype"] == "text"
    assert got.json["text"]["mentioned_list"] == ["zhang", "@all"]
    assert got.json["text"]["mentioned_mobile_list"] == ["13800001111"]
    lines = got.json["text"]["content"].splitlines()
    assert lines[0] == "Warning: Unusual crowd or traffic, West gate"
    assert lines[1] == "Since 16:00."
    assert lines[-1] == "No. a1/3"
    assert fake.got[1].json["text"]["mentioned_list"] == ["li"]


def test_dingtalk_signs_with_the_time_and_the_secret(tmp_path, fake):
    bot(tmp_path, "dingtalk", fake, "mentions = ['13800001111']").send(message())
    parts = urlsplit(fake.got[0].path)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    expected = hmac.new(b"SEC1", f"{asked['timestamp']}\nSEC1".encode(), hashlib.sha256).digest()
    assert (parts.path, asked["access_token"]) == ("/robot/send", "t-1")
    assert asked["sign"] == base64.b64encode(expected).decode()
    assert fake.got[0].json["at"] == {"atMobiles": ["13800001111"], "atUserIds": [], "isAtAll": False}
    assert fake.got[0].json["text"]["content"].endswith(" @13800001111")


def test_feishu_signs_and_nothing_in_a_text_becomes_a_tag(tmp_path, fake):
    place = {"en": '<at user_id="all"></at>'}
    bot(tmp_path, "feishu", fake, "mentions = ['ou_1']").send(message(place=place))
    sent = fake.got[0].json
    key = f"{sent['timestamp']}\nSEC1".encode()
    assert sent["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert fake.got[0].path == "/open-apis/bot/v2/hook/t-1"
    assert sent["content"]["text"].count("<at ") == 1
    assert sent["content"]["text"].endswith('<at user_id="ou_1"></at>')


REFUSALS = [
    ("wecom", "refuse 93000 invalid webhook url", ChannelRefusedError, "login"),
    ("wecom", "refuse 40058 invalid parameter", ChannelRefusedError, "refused"),
    ("wecom", "refuse 45009 api freq out of limit", LaterError, "busy"),
    ("dingtalk", "refuse 310000 sign not match", ChannelRefusedError, "login"),
    ("dingtalk", "refuse 130101 send too fast", LaterError, "busy"),
    ("feishu", "refuse 19021 sign match fail", ChannelRefusedError, "login"),
    ("feishu", "refuse 11232 frequency limited", LaterError, "busy"),
]


@pytest.mark.parametrize(("name", "did", "error", "why"), REFUSALS)
def test_http_200_with_an_error_inside_is_no_success(tmp_path, fake, name, did, error, why):
    fake.will.append(did)
    with pytest.raises(error) as found:
        bot(tmp_path, name, fake).send(message())
    assert found.value.why == why
    assert found.value.said.startswith(did.split()[1])


FAILURES = [
    ("429", LaterError, "busy"),
    ("429 7", LaterError, "busy"),
    ("500", LaterError, "error"),
    ("503", LaterError, "error"),
    ("404", ChannelRefusedError, "refused"),
    ("403", ChannelRefusedError, "login"),
    ("redirect", ChannelRefusedError, "refused"),
    ("html", LaterError, "unclear"),
    ("hang", LaterError, "hangs"),
    ("drip", LaterError, "hangs"),
    ("cut", LaterError, "cut"),
]


@pytest.mark.parametrize(("did", "error", "why"), FAILURES)
def test_every_failure_of_a_server_is_noticed(tmp_path, fake, did, error, why):
    fake.will.append(did)
    sender = bot(tmp_path, "wecom", fake)
    with pytest.raises(error) as found:
        sender.send(message())
    assert found.value.why == why
    if did == "429 7":
        assert found.value.after_s == 7.0
    assert sender.send(message()) == "0"  # and it comes back
    assert len(fake.got) == 2


def test_nobody_there_is_noticed(tmp_path, fake):
    fake.close()
    with pytest.raises(LaterError) as found:
        bot(tmp_path, "wecom", fake).send(message())
    assert found.value.why == "away"


def test_an_answer_of_json_that_has_no_code_is_not_an_acceptance(tmp_path):
    with closing(FakeHttp(ok=b"[]")) as fake, pytest.raises(LaterError) as found:
        bot(tmp_path, "wecom", fake).send(message())
    assert found.value.why == "unclear"


def test_a_text_is_cut_by_bytes_between_characters_and_keeps_its_number(tmp_path, fake):
    place = {"zh-CN": "东门" * 1000}
    bot(tmp_path, "wecom", fake, "language = 'zh-CN'").send(message(place=place))
    content = fake.got[0].json["text"]["content"]
    assert 2040 < len(content.encode()) <= 2048
    assert content.endswith("…\n编号 a1/3")


def test_outside_there_is_no_person_no_token_and_no_free_text(tmp_path, fake):
    secret = {
        "by": "Wang Lei", "note": "call my wife", "device": "p7", "devices": ("p7", "cam-9"), "kind": "officer_help",
        "why": Why("officer_help", {"officer": "Wang Lei", "said": 1, "note": "call my wife", "plate": "h1:9f3c"}),
    }  # fmt: skip
    hidden = re.compile(r"Wang|wife|p7|cam-9|h1:")
    for name in BOTS:
        bot(tmp_path, name, fake, "where = 'outside'").send(message(**secret))
    hook = f"kind = 'webhook'\nurl = '{fake.url}/hook'\n"
    channel(tmp_path, hook + "where = 'outside'").send(message(to="wang", **secret))
    channel(tmp_path, "kind = 'cap'\nfolder = 'cap'\nwhere = 'outside'").send(message(**secret))
    written = [one.body.decode() for one in fake.got] + [(tmp_path / "cap" / "s1-a1-3.xml").read_text("utf-8")]
    assert len(written) == 5
    assert all("West gate" in text or "西门" in text for text in written)
    assert not any(hidden.search(text) for text in written)
    channel(tmp_path, hook).send(message(**secret))
    assert hidden.search(fake.got[-1].body.decode())  # inside it may be told


def test_a_webhook_gets_json_a_key_that_stays_and_a_signature(tmp_path, fake):
    sender = channel(tmp_path, f"kind = 'webhook'\nurl = '{fake.url}/x'\nsecret = 's'\nauthorization = 'Bearer b'")
    sender.send(message())
    sender.send(message())
    first, second = fake.got
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "s1-a1-3"
    assert first.headers["Authorization"] == "Bearer b"
    digest = hmac.new(b"s", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-PatrolGrid-Signature"] == f"sha256={digest}"
    assert first.json["severity"] == "warning"
    assert first.json["exercise"] is False


def test_mail_is_sent_with_an_id_that_stays(tmp_path):
    with closing(FakeSmtp()) as server:
        text = f"kind = 'mail'\nhost = '127.0.0.1'\nport = {server.port}\nsecure = 'none'\nsender = 'a@station'"
        sender = channel(tmp_path, text + "\nrecipients = ['duty@station', 'chief@station']", exercise=True)
        server.data.append("451 try again")
        with pytest.raises(LaterError) as found:
            sender.send(message())
        assert (found.value.why, found.value.said) == ("error", "SMTP 451")
        sender.send(message())
        server.rcpt.append("550 nobody here")
        assert sender.send(message()) == "1 of 2 recipients were refused"
        server.rcpt.extend(["550 nobody here"] * 2)
        with pytest.raises(ChannelRefusedError) as refused:
            sender.send(message())
        assert (refused.value.why, refused.value.said) == ("refused", "SMTP 550")
        server.data.append("cut")
        with pytest.raises(LaterError) as cut:
            sender.send(message())
        assert cut.value.why == "cut"
        mails = [message_from_string(text, policy=default) for text in server.mails]
    assert {mail["Message-ID"] for mail in mails} == {"<s1-a1-3@patrolgrid.invalid>"}
    assert mails[0]["Subject"] == "EXERCISE (not real): Warning: Unusual crowd or traffic, West gate"
    assert mails[0]["To"] == "duty@station, chief@station"
    assert "No. a1/3" in mails[0].get_content()


def test_a_place_of_two_lines_makes_no_header_of_a_mail(tmp_path):
    with closing(FakeSmtp()) as server:
        text = f"kind = 'mail'\nhost = '127.0.0.1'\nport = {server.port}\nsecure = 'none'\nsender = 'a@station'"
        sender = channel(tmp_path, text + "\nrecipients = ['duty@station']")
        sender.send(message(place={"en": "Gate\r\nBcc: out@else.example", "zh-CN": "门\r\nBcc: out@else.example"}))
        mail = message_from_string(server.mails[0], policy=default)
    assert mail["Bcc"] is None
    assert "Gate" in mail["Subject"]


def test_a_mail_server_that_hangs_or_takes_no_login_is_noticed(tmp_path):
    with closing(FakeSmtp()) as server:
        text = f"kind = 'mail'\nhost = '127.0.0.1'\nport = {server.port}\nsecure = 'none'\nsender = 'a@station'"
        sender = channel(tmp_path, text + "\nrecipients = ['d@station']\nusername = 'u'\ntimeout_s = 0.3")
        with pytest.raises(ChannelRefusedError) as found:
            sender.send(message())
        assert found.value.why == "login"
        server.greeting = "hang"
        with pytest.raises(LaterError) as hangs:
            sender.send(message())
        assert hangs.value.why == "hangs"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_takes_the_long_tail_and_its_failures_are_noticed(tmp_path, fake):
    pytest.importorskip("apprise")
    sender = channel(tmp_path, f"kind = 'apprise'\nurl = 'ntfy://{fake.url.removeprefix('http://')}/duty'")
    assert sender.send(message()) == "ok"
    assert b"No. a1/3" in fake.got[0].body
    fake.will.extend(["403", "503"])
    with pytest.raises(ChannelRefusedError) as refused:
        sender.send(message())
    assert refused.value.why == "login"
    with pytest.raises(LaterError):
        sender.send(message())


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_what_apprise_sends_as_html_shows_a_places_name_as_it_is(tmp_path, monkeypatch):
    pytest.importorskip("apprise")
    sent = []
    telegram = importlib.import_module("apprise.plugins.telegram")  # it imports its plugins when it likes
    monkeypatch.setattr(telegram.requests, "post", lambda *_args, **more: sent.append(more["data"]))
    sender = channel(tmp_path, "kind = 'apprise'\nurl = 'tgram://123456789:abcdefg_hijklmnop/12315544/'")
    with pytest.raises(LaterError):
        sender.check("gate <b> & yard")
    assert "gate &lt;b&gt; &amp; yard" in sent[0]


BAD = [
    ("kind = 'wecom'", "missing required field `key`"),
    ("kind = 'pigeon'", "pigeon"),
    ("kind = 'wecom'\nkey = 'k'\ncolour = 1", "colour"),
    ("kind = 'wecom'\nkey = 'k'\nwhere = 'outside'\nmentions = ['zhang']", "mentions names people"),
    ("kind = 'wecom'\nkey = 'k'\nbase_url = 'ftp://x'", "base_url"),
    ("kind = 'wecom'\nkey = 'k'\nlanguage = 'fr'", "language is 'fr'"),
    ("kind = 'wecom'\nkey = 'k'\nnext = 'x'", "next is 'x'"),
    ("kind = 'wecom'\nkey = 'k'\nnext = 'c'", "circle"),
    ("kind = 'mail'\nhost = 'h'\nsender = 'a@b'\nrecipients = ['a b']", "recipients has what is no address"),
    ("kind = 'mail'\nhost = 'h'\nsender = 'a@b'\nrecipients = ['a@b']\nsecure = 'none'\npassword = 'p'", "in clear"),
    ("kind = 'webhook'\nurl = 'x'", "url is none"),
    ('kind = "webhook"\nurl = "http://x"\nauthorization = "Bearer s3cret\\n"', "authorization has a line break"),
    ('kind = "webhook"\nurl = "http://x"\nauthorization = "s3cret 密"', "authorization has a character that no header"),
    ('kind = "webhook"\nurl = "http://x"\nsecret = "s3cret\\r"', "secret has a line break"),
    ('kind = "dingtalk"\ntoken = "s3cret\\n"', "token has a line break"),
    ("kind = 'cap'\nfolder = 'f'\nscope = 'Private'", "addresses is empty"),
    ("kind = 'apprise'\nurl = 'wecombot://k'", "refusals apprise does not see"),
    ("kind = 'apprise'\nurl = 'nosuch://x'", "none that apprise knows"),
]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("text", "expected"), BAD)
def test_a_channel_that_cannot_be_meant_is_refused_by_name(tmp_path, text, expected):
    with pytest.raises(SettingsError, match="channel") as found:
        channel(tmp_path, text)
    assert expected in str(found.value)
    assert "s3cret" not in str(found.value)


def test_a_channels_file_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / "channels.toml"
    assert read_channels(file) == {}
    file.write_text("[c]\n")
    file.chmod(0o604)
    with pytest.raises(SettingsError, match="others may read it"):
        read_channels(file)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="kind"):
        read_channels(file)


def test_what_is_told_late_says_so_and_what_is_called_again_says_since_when(tmp_path, fake):
    late = Message(1, "c", "", 0, 0, make_alert("a1", 3, heard_ms=T0 + 60_000))
    bot(tmp_path, "wecom", fake).send(late)
    content = fake.got[0].json["text"]["content"]
    assert "First at 16:00, called again at 16:01." in content
    assert "This message is late" in content
