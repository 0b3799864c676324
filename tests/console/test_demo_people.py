"""The demo's people sign in, and a chat group that is none shows what it would have been told."""

import json
import stat
from contextlib import closing

import httpx
import pytest
from argon2 import PasswordHasher

from console.board.board_config import BoardConfig, BoardConfigError
from console.deliver.channel_file import read_channels
from console.demo.demo_people import FakeChat, forget_people, make_people
from console.people import passwords
from console.people.people import People, SignInError
from deploy.settings import Settings, with_values
from ingest.login import BrokerAddress


@pytest.fixture
def settings(tmp_path):
    roster = {"officers": ["p1: Li Wei", "p2: Wang Lei", "p3: Chen Jing"], "shifts": ["daily 00:00-24:00 @ p1: day"]}
    made = with_values(Settings(), data={"dir": tmp_path}, site={"id": "demo"}, patrol=roster)
    made.site_dir.mkdir(parents=True)
    return made


def test_a_duty_officer_and_three_patrols_with_a_password_of_this_run(settings, monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    first, second = make_people(settings), make_people(settings)
    assert first["password"] != second["password"]
    people = People(settings.site_dir)
    with closing(people.file):
        roles = {person.id: (person.role, person.officer) for person in people.all()}
        assert roles == {one: (one, "") for one in ("duty", "chief", "engineer")} | {
            one: ("patrol", one) for one in ("p1", "p2", "p3")
        }
        assert people.of_session(people.sign_in(**_of(second), where="127.0.0.1")) == people.person("duty")
        for one in second["others"].split(" "):
            assert people.of_session(people.sign_in(**_of(second | {"id": one}), where="127.0.0.1")) == people.person(
                one
            )
        with pytest.raises(SignInError):
            people.sign_in(**_of(first), where="127.0.0.1")
        assert people.audit.verify() == []
    forget_people(settings.site_dir)
    assert not People(settings.site_dir).anybody()


def _of(login):
    return {"identifier": login["id"], "password": login["password"]}


def test_a_demo_s_password_is_offered_on_its_own_machine_alone(tmp_path):
    config = BoardConfig(
        store_path="x", places_path="x", site="demo", broker=BrokerAddress(), host="10.1.2.3", demo={"id": "duty"}
    )
    with pytest.raises(BoardConfigError, match=r"demo is set, and host is '10\.1\.2\.3'"):
        config.check()


def posted(url, body):
    return httpx.post(f"{url}cgi-bin/webhook/send?key=demo", content=body, timeout=60).json()["errcode"]


def test_the_chat_shows_what_its_bot_was_sent_and_takes_nothing_else():
    with FakeChat() as chat:
        said = {"msgtype": "text", "text": {"content": "Smoke <img src=x>\n烟雾", "mentioned_list": ["zhaomin"]}}
        assert posted(chat.url, json.dumps(said).encode()) == 0
        for junk in (b"", b"junk", b"[]", b'{"text":{"content":7}}', b"[" * 60_000, b"x" * 70_000):
            assert posted(chat.url, junk) != 0
        page = httpx.get(chat.url, timeout=60).text
        chinese = httpx.get(chat.url, timeout=60, headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "Nothing has left this machine." in page
    assert "没有任何内容离开本机。" in chinese
    assert "@zhaomin Smoke &lt;img src=x&gt;\n烟雾" in page
    assert len(chat.messages) == 1


def test_delivery_tells_the_group_unless_the_settings_tell_somebody_already(settings):
    with FakeChat() as chat:
        told = chat.told(settings, accounts=True)
        assert told.telling.rules == ("critical @ on:desk #wecom", "warning @ #wecom")
        assert chat.told(settings, accounts=False).telling.rules == ("critical,warning @ #wecom",)
        assert list(read_channels(told.channels_file)) == ["wecom"]
        assert stat.S_IMODE(told.channels_file.stat().st_mode) == 0o600
        own = with_values(settings, telling={"rules": ["critical @ #mail"]})
        assert chat.told(own, accounts=True) is own
