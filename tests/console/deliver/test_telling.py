"""Rules of telling: who, on which channel, at which hour; quiet hours, reminders, escalation, and what is refused."""

from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from console.deliver.channel import ChannelSettings
from console.deliver.channels.cap import CapSettings
from console.deliver.channels.mail import MailSettings
from console.deliver.channels.wecom import WeComSettings
from console.deliver.message_box import MessageBox
from console.deliver.mutes import Mute, Mutes, muted_until, mutes_of
from console.deliver.orders import Order
from console.deliver.outbox_file import FILE
from console.deliver.telling import Telling
from console.people.people import Person
from deploy.settings import with_values
from deploy.settings.sections import Settings
from ingest.days.telling_settings import TellingSettings, rules_of, with_file
from ingest.setup.settings import SettingsError
from tests.stream.make_results import alert as make_alert

ZONE = ZoneInfo("Asia/Shanghai")
CHANNELS: dict[str, ChannelSettings] = {
    "group": WeComSettings(where="inside", key="k"),
    "mail": MailSettings(where="inside", host="h", sender="a@b", recipients=("d@b",), next="cap"),
    "cloud": WeComSettings(where="outside", key="k"),
    "cap": CapSettings(where="outside", folder="f"),
}
PEOPLE = [
    Person("wang", "王", "duty", "zh-CN", addresses={"mail": "wang@b", "group": "w1"}),
    Person("li", "李", "duty", "zh-CN", addresses={"group": "l1"}),
    Person("chief", "张", "chief", "en", addresses={"mail": "chief@b", "cloud": "c1"}),
    Person("gone", "去", "chief", addresses={"group": "g1"}, active=False),
    Person("mute", "无", "patrol"),
]
ROTA = ("daily 06:00-14:00 @ wang: desk", "daily 14:00-22:00 @ li: desk", "daily 14:00-22:00 @ wang: street")


def at(hour, minute=0):
    return round(datetime(2026, 11, 23, hour, minute, tzinfo=ZONE).timestamp() * 1000)


def telling(*rules, **more):
    settings = TellingSettings(rules=rules, rota=ROTA, **more)
    return Telling(rules_of(settings), CHANNELS, ZONE, lambda: PEOPLE)


def told(rules, hour=8, **alert):
    orders = telling(*rules).orders(make_alert(**{"severity": "critical", **alert}), at(hour))
    return [(order.channel, order.to) for order in orders]


def test_who_is_on_duty_is_told_on_the_first_channel_declared():
    assert told(["critical @ on:desk"], 8) == [("group", "w1")]
    assert told(["critical @ on:desk"], 15) == [("group", "l1")]
    assert told(["critical @ chief"], 8) == [("mail", "chief@b")]


def test_a_gap_in_the_rota_swallows_no_alarm():
    assert told(["critical @ on:desk"], 3) == [("group", "w1 l1")]


def test_everybody_in_a_group_is_named_in_one_message():
    rules = ["critical @ on:desk #group", "all kind=surge @ li wang", "critical @ role:chief"]
    assert told(rules) == [("group", "w1 l1"), ("mail", "chief@b")]
    orders = telling("all @ wang li").orders(make_alert(), at(8))
    assert (orders[0].persons, orders[0].language) == (("wang", "li"), "zh-CN")
    alone = telling("all @ chief on:street").orders(make_alert(), at(15))
    assert [(one.channel, one.to, one.persons) for one in alone] == [
        ("mail", "chief@b", ("chief",)),
        ("group", "w1", ("wang",)),
    ]
    mails = Telling(
        rules_of(TellingSettings(rules=("all @ chief wang",))), {"mail": CHANNELS["mail"]}, ZONE, lambda: PEOPLE
    )
    assert [one.to for one in mails.orders(make_alert(), at(8))] == ["chief@b", "wang@b"]  # a mail each
    assert telling("all @ chief").orders(make_alert(), at(8))[0].language == "en"


@pytest.mark.parametrize(
    ("rule", "hour", "alert", "fits"),
    [
        ("critical @ #group", 8, {}, True),
        ("warning,info @ #group", 8, {}, False),
        ("all kind=fire,smoke @ #group", 8, {"kind": "fire"}, True),
        ("all kind=fire,smoke @ #group", 8, {}, False),
        ("kind=fire beat=b2 @ #group", 8, {"kind": "fire"}, False),
        ("kind=fire beat=b1,b2 @ #group", 8, {"kind": "fire"}, True),
        ("critical during daily 22:00-06:00 @ #group", 23, {}, True),
        ("critical during daily 22:00-06:00 @ #group", 5, {}, True),
        ("critical during daily 22:00-06:00 @ #group", 7, {}, False),
        ("critical during Sat Sun @ #group", 7, {}, False),
    ],
)
def test_a_rule_fits_by_severity_kind_beat_and_hour(rule, hour, alert, fits):
    assert bool(told([rule], hour, **alert)) is fits


def test_nobody_is_named_on_a_channel_outside_and_who_is_not_there_is_not_told():
    rules = TellingSettings(rules=("all @ chief gone mute stranger",))
    channels = {"cloud": CHANNELS["cloud"]}
    found = Telling(rules_of(rules), channels, ZONE, lambda: PEOPLE).orders(make_alert(), at(8))
    assert found == [Order("cloud", "", persons=("chief",), language="en")]


def test_what_a_channel_does_not_take_goes_to_the_persons_next_and_then_to_the_channels():
    way = telling("all @ wang").way
    assert [(one.channel, one.to) for one in way("group", ["wang"])] == [("mail", "wang@b")]
    assert [(one.channel, one.to) for one in way("mail", ["wang"])] == [("cap", "")]
    assert way("group", ["li"]) == []
    assert [one.channel for one in way("mail", [])] == ["cap"]


def test_quiet_hours_hold_back_all_but_the_critical_until_their_end():
    rules = telling("all @ chief li", quiet=("daily 22:00-06:00 @ role:chief",))
    due = {one.channel: one.due_ms for one in rules.orders(make_alert(), at(23))}
    assert due == {"group": 0, "mail": at(6) + 86_400_000}
    assert all(not one.due_ms for one in rules.orders(make_alert(severity="critical"), at(23)))
    assert all(not one.due_ms for one in rules.orders(make_alert(), at(6)))
    group = telling("all @ #group", quiet=("daily 22:00-06:00 @ #group",))
    assert group.orders(make_alert(), at(23))[0].due_ms == at(6) + 86_400_000


def test_reminders_and_escalation_by_severity_the_soonest_first():
    rules = telling(
        "all @ on:desk",
        remind=("all every 15 min", "critical every 5 min"),
        escalate=("critical after 20 min @ chief", "critical after 10 min @ role:duty #cap"),
    )
    fire = make_alert(severity="critical")
    assert (rules.reminder_ms(fire, at(8)), rules.reminder_ms(make_alert(), at(8))) == (300_000, 900_000)
    steps = rules.escalations(fire, at(8))
    assert [step.after_ms for step in steps] == [600_000, 1_200_000]
    assert rules.escalations(make_alert(), at(8)) == []
    asked = [rules.escalation(step, fire, at(8)) for step in steps]
    assert [[(one.channel, one.to) for one in orders] for orders in asked] == [
        [("group", "w1 l1")],  # CAP follows the alert, it is not asked
        [("mail", "chief@b")],
    ]
    assert [(one.channel, one.to) for one in rules.reminder(fire, 2, at(8))] == [
        ("group", "w1 l1"),
        ("mail", "chief@b"),
    ]


def test_hours_on_duty():
    rules = telling("all @ wang")
    assert rules.on_duty_ms("wang", at(8), at(15)) == 6 * 3_600_000 + 3_600_000
    assert rules.on_duty_ms("chief", at(8), at(15)) == 0


BAD = [
    ({"rules": ["criticl @ #group"]}, "'criticl'; expected critical, warning, info or all"),
    ({"rules": ["critical"]}, "expected persons' ids, on:DUTY, role:ROLE or #CHANNEL"),
    ({"rules": ["critical @ on:night"]}, "no such duty is in the rota"),
    ({"rules": ["critical @ role:king"]}, "role:king, expected one of duty"),
    ({"rules": ["critical @ to:wang"]}, "expected persons' ids"),
    ({"rules": ["kind=flood @ wang"]}, "the kind 'flood'"),
    ({"rules": ["critical during noon @ wang"]}, "expected WHEN"),
    ({"rota": ["daily 06:00-14:00 @ wang"]}, "expected WHEN @ PERSONS: DUTY"),
    ({"remind": ["critical every 0 min"]}, "expected WHAT every N min"),
    ({"escalate": ["critical after 5 min"]}, "expected persons' ids"),
    ({"escalate": ["critical @ wang"]}, "expected WHAT after N min"),
    ({"quiet": ["daily 22:00-06:00"]}, "expected persons' ids"),
]


@pytest.mark.parametrize(("settings", "expected"), BAD)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_key(settings, expected):
    with pytest.raises(SettingsError, match="telling") as found:
        with_values(Settings(), telling=settings)
    assert expected in str(found.value)


def test_a_mute_holds_back_ends_by_itself_and_lets_go_when_it_is_ended(tmp_path):
    box = MessageBox(tmp_path / FILE)
    with closing(Mutes(tmp_path)) as mutes:
        with pytest.raises(ValueError, match="needs a beat, a kind or a device"):
            mutes.add(Mute(0, 100, "", "", "", "cli", "work"))
        number = mutes.add(Mute(0, 10_000, "b1", "", "cam-1", "cli", "work"))
        alert = make_alert("a1", 1)
        assert muted_until(mutes.now(5_000), alert) == 10_000
        assert muted_until(mutes.now(10_000), alert) == 0
        assert muted_until(mutes.now(5_000), make_alert(devices=("cam-1", "cam-2"))) == 0
        assert muted_until(mutes.now(5_000), make_alert(beat="b2")) == 0
        box.take(alert, [Order("chat", due_ms=10_000)], 5_000)
        assert box.next("chat", 6_000) is None
        assert mutes.remove(number, 7_000)
        assert not mutes.remove(number, 7_000)
        message = box.next("chat", 7_000)
        assert message is not None
        assert (message.act, message.queued_ms) == ("held", 7_000)
    box.close()
    assert mutes_of(tmp_path, 0) == []


def test_a_file_has_the_rota_and_a_broken_one_is_refused_by_name(tmp_path):
    file = tmp_path / "rota.toml"
    settings = TellingSettings(file=file, rota=ROTA, rules=("all @ on:desk",))
    assert with_file(settings) == settings
    file.write_text("rota = ['daily 00:00-24:00 @ li: desk']\n")
    assert rules_of(with_file(settings)).rota[0].at == ("li",)
    assert with_file(settings).rules == settings.rules
    for broken, expected in (
        ("rota = [", "rota.toml"),
        ("rota = ['x']", "rota has 'x'"),
        ("rota = 'daily'", "array"),
        ("roster = []", "roster"),
        ("rota = ['daily 00:00-24:00 @ li: door']", "no such duty"),
    ):
        file.write_text(broken)
        with pytest.raises(SettingsError, match=expected):
            with_file(settings)
