"""The catalogue: every sentence in every language, with its arguments, and no sentence anywhere else."""

from __future__ import annotations

import ast as pyast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fluent.runtime.resolver import ResolverEnvironment
from fluent.syntax import FluentParser, FluentSerializer, ast
from fluent.syntax.visitor import Transformer, Visitor

from console.cli.main import main
from deploy.grafana.dashboards import dashboards
from deploy.grafana.rules import rules
from stream.sentences import OUTSIDE, Why, catalogue, languages, literal
from stream.sentences.catalogue import Sentences, choices, in_all_languages, page_texts, with_texts, with_why
from stream.sentences.languages import FOLDER, LANGUAGES, accepted, choose_language
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("ingest", "models", "stream", "deploy", "simulators", "console")
SOURCES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
T = 1_795_438_800_000
"""21:00 in Shanghai, 13:00 UTC."""
COUNT: dict[str, Any] = {
    "metric": "person", "observed": 41.0, "expected": 12.04, "p": 1.2e-5, "since_ms": T, "period_s": 300.0,
    "window_s": 300.0, "most": 0,
}  # fmt: skip
LEVEL: dict[str, Any] = {
    "metric": "noise", "observed": 91.26, "expected": 52.0, "p": 1.2e-5, "since_ms": T, "lower": 41.0, "upper": 63.5,
    "peak": 96.98,
}  # fmt: skip
MOVED: dict[str, Any] = {"metric": "noise", "by": 8.1, "higher": 1, "observed": 61.2, "expected": 53.1}
GATE: dict[str, Any] = {"value": 2.4, "limit": 28.0, "at_ms": T}
DOOR = Why("state", {"kind": "door_open", "metric": "door", "word": "open", "hold": 120.0, "since_ms": T})
NAME = literal({"en": "West gate", "zh-CN": "西门"})
CHANNELS = [
    Why("channel", {"channel": c, "link": k, "direction": d, "observed": 3.0, "expected": 14.0, "minutes": 30.0})
    for c, k, d in (("people", "first", -1), ("vehicles", "but", 1), ("noise", "and", 1))
]
EMITTED = {
    "surge": Why("surge", COUNT),
    "deficit": Why("deficit", COUNT),
    "dead": Why("dead", COUNT | {"metric": "vehicle"}),
    "level_high": Why("level_high", LEVEL),
    "level_low": Why("level_low", LEVEL | {"metric": "co2"}),
    "level_stuck": Why("level_stuck", {"metric": "smoke", "observed": 0.12, "since_ms": T}),
    "level_step": Why("level_step", MOVED),
    "level_drift": Why("level_drift", MOVED | {"metric": "temperature", "higher": 0, "days": 6}),
    "threshold": Why(
        "threshold",
        {"kind": "noise_high", "metric": "noise", "observed": 91.3, "limit": 85.0, "since_ms": T, "most": 0},
    ),
    "state": DOOR,
    **{
        kind: Why(kind, GATE)
        for kind in ("stranger_vehicle", "tailgating", "circling", "wrong_way", "overstay", "convoy")
    },
    "barrier_down": Why("barrier_down", {"passes": 4, "since_ms": T}),
    "silent": Why("silent", {"silent_s": 700.0, "usual_s": 60.0}),
    "device_fault": Why("device_fault", {"what": "rate", "refused": 1200, "limit": 200.0}),
    "device_fault codes": Why(
        "device_fault", {"what": "codes", "refused": 12, "limit": 0.0, "metric": "person", "observed": 65_535.0}
    ),
    "feed_lost": Why("feed_lost", {"lost": 7, "heard": 9, "devices": [NAME] * 5, "more": 2}),
    "context": Why(
        "context",
        {"channels": CHANNELS, "calm": 1, "usual": [Why("channel-name", {"channel": "noise"})], "p": 1e-7,
         "day": "working_saturday", "at_ms": T, "since_ms": 0},
    ),
    "together": Why(
        "together",
        {"type": "camera", "count": 7, "metres": 61.0, "names": [NAME] * 5, "more": 2, "place": NAME,
         "strongest": Why("surge", COUNT), **COUNT},
    ),
    "alike": Why(
        "alike",
        {"type": "", "count": 7, "metres": 610.0, "names": [NAME] * 5, "more": 2, "place": NAME,
         "strongest": DOOR},
    ),
    "still": Why("still", {"names": [NAME] * 5, "more": 2, "over": 3, "count": 10, "why": DOOR}),
    "unread": Why("unread", {"why": DOOR, "since_ms": T}),
    "unread_between": Why("unread_between", {"why": DOOR, "since_ms": T, "until_ms": T + 60_000}),
    "comes_and_goes": Why("comes_and_goes", {"kind": "door_open", "count": 4, "since_ms": T, "why": DOOR}),
    "fire": Why("fire", {"metres": 0.0, "parts": [Why("part", {"place": NAME, "why": DOOR})]}),
    "series": Why("series", {"category": "burglary", "count": 3, "metres": 300.0, "hours": 72.0}),
    "officer_help": Why("officer_help", {"officer": "王伟", "said": 1, "note": "两人持刀"}),
    "hotspot": Why("hotspot", {"parts": [Why("hotspot-part", {"category": "theft", "count": 1})], "hours": 72.0}),
    "hotspot-earlier": Why("hotspot-earlier", {"category": "theft", "count": 0, "share": 0.8}),
    "hotspot-mixed": Why("hotspot-mixed", {"category": "theft", "count": 0, "share": 0.24}),
    "hotspot-nothing": Why("hotspot-nothing"),
    "incident-word": Why("incident-word", {"category": "theft", "count": 1}),
    "spot-amount": Why("spot-amount", {"known": "own", "category": "theft", "count": 0.4, "part": "night", "times": 6}),
    "spot-sure": Why("spot-sure", {"known": "young", "low": 0.2, "high": 0.8}),
    "spot": Why(
        "spot",
        {"place": NAME, "from": 20, "until": 23, "amount": NAME, "drivers": NAME, "sure": NAME},
    ),
    "place-street-landmark": Why("place-street-landmark", {"street": NAME, "landmark": NAME}),
    "place-corner": Why("place-corner", {"street": NAME, "other": NAME}),
    "place-landmark": Why("place-landmark", {"landmark": NAME}),
    "place-device": Why("place-device", {"device": NAME}),
    "place-beat": Why("place-beat", {"beat": NAME, "direction": "north"}),
    "outside": OUTSIDE,
    "usual": Why("usual", COUNT),
    "doubled": Why("doubled", {"why": Why("surge", COUNT), "kind": "surge"}),
    "over": Why("over", {"why": DOOR, "lasted_s": 540.0}),
    "taken_over": Why("taken_over", {"why": DOOR, "kind": "fire"}),
    "alert-title": Why("alert-title", {"kind": "fire", "place": NAME}),
    "believed": Why("believed", {"why": Why("surge", COUNT), "by": "王伟"}),
}  # fmt: skip
"""Each sentence of results, with arguments as the pipeline gives them."""


def parsed(text: str) -> ast.Resource:
    return FluentParser(with_spans=False).parse(text)


FILES = {language: parsed((FOLDER / f"{language}.ftl").read_text(encoding="utf-8")) for language in LANGUAGES}
MESSAGES = {
    language: {entry.id.name: entry for entry in file.body if isinstance(entry, ast.Message)}
    for language, file in FILES.items()
}


class Names(Visitor):
    """What a message refers to."""

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.messages: set[str] = set()
        self.functions: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802 - as the library asks
        self.variables.add(node.id.name)

    def visit_MessageReference(self, node: ast.MessageReference) -> None:  # noqa: N802 - same
        self.messages.add(node.id.name)

    def visit_FunctionReference(self, node: ast.FunctionReference) -> None:  # noqa: N802 - same
        self.functions.add(node.id.name)
        self.generic_visit(node)


def names(language: str, code: str) -> Names:
    found = Names()
    found.visit(MESSAGES[language][code])
    return found


def variables(language: str, code: str) -> set[str]:
    if code not in MESSAGES[language]:
        return set()
    found = names(language, code)
    return found.variables.union(*(variables(language, other) for other in found.messages))


@pytest.fixture
def strict(monkeypatch):
    """What Fluent would show as a gap fails the test."""

    class Loud(list):
        def append(self, error):
            raise AssertionError(repr(error))

    def environment(bundle, errors, current):
        return ResolverEnvironment(bundle, errors=Loud(), current=current)

    monkeypatch.setattr(catalogue, "ResolverEnvironment", environment)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_has_the_same_messages_with_the_same_arguments(language):
    assert not [entry.content for entry in FILES[language].body if isinstance(entry, ast.Junk)]
    own = MESSAGES[language].keys() - MESSAGES["en"].keys()
    asked_for = {code for code in MESSAGES["en"] if not code.startswith("n-")}  # n-…: plurals that others go without
    assert asked_for <= MESSAGES[language].keys()
    assert own <= set().union(*(names(language, code).messages for code in MESSAGES[language]))
    for code in asked_for - EMITTED.keys():
        # Chinese has no plurals, and so does not ask how many there are.
        assert variables(language, code) | {"count"} == variables("en", code) | {"count"}, code
    if language != "en":
        alike = {code for code in asked_for if texts_in("en", code) == texts_in(language, code)}
        assert {code for code in alike if re.search("[a-z]{3}", texts_in("en", code))} == SAME


SAME = {"doctor-python", "doctor-influx", "doctor-grafana", "doctor-kafka"}
"""Messages without a word to translate: names of programs."""


def texts_in(language: str, code: str) -> str:
    class Texts(Visitor):
        found = ""

        def visit_TextElement(self, node: ast.TextElement) -> None:  # noqa: N802 - as the library asks
            self.found += node.value

    looking = Texts()
    looking.visit(MESSAGES[language][code])
    return looking.found


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", EMITTED)
def test_every_sentence_of_results_has_all_that_it_says(code, language):
    text = Sentences(language).why(EMITTED[code])
    assert "{" not in text
    assert text != code
    if language == "zh-CN":
        assert not re.search(r"[,;!?]|[\u4e00-\u9fff] | [\u4e00-\u9fff]", text)


def test_every_code_that_is_used_is_there_and_no_message_is_left_over():
    python = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    page = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "console/static").rglob("*.[jh]*"))
    asked = set(re.findall(r'\b(?:texts|say|Why)\(\s*"([\w-]+)"', python))
    prefixes = set(re.findall(r"""\b(?:texts|say|Why|Sentences\(language\))\(\s*f["']([\w-]+)\{""", python))
    words = set(re.findall(r"[\"']([\w-]+)[\"']", python))
    on_page = {f"board-{word}" for word in re.findall(r"[\"'`]([a-z_-]+)[\"'`$]", page)}
    page_prefixes = {f"board-{word}-" for word in re.findall(r'\bword\("([a-z-]+)"', page)}
    page_prefixes |= {f"board-{start}" for start in re.findall(r"`([a-z_-]+)\$\{", page)}
    referred = {other for code in MESSAGES["en"] for other in names("en", code).messages}
    referred |= {other for code in MESSAGES["zh-CN"] for other in names("zh-CN", code).messages}
    assert asked - MESSAGES["en"].keys() == set()
    assert all(any(code.startswith(prefix) for code in MESSAGES["en"]) for prefix in prefixes)
    used = asked | words | referred | on_page
    begun = tuple(prefixes | page_prefixes)
    assert {code for code in MESSAGES["en"] if code not in used and not code.startswith(begun)} == set()


@pytest.mark.parametrize("kind", [*choices("kind"), "something_new"])
def test_every_kind_has_a_title_and_advice(kind):
    for code in ("kind", "advice"):
        texts = in_all_languages(Why(code, {"kind": kind}))
        assert all(text.strip() for text in texts.values())
        assert kind not in choices("kind") or re.search("[\u4e00-\u9fff]", texts["zh-CN"])
    assert set(choices("kind")) == set(choices("advice"))


def test_names_with_commas_are_told_apart():
    why = Why(
        "still", {**EMITTED["still"].args, "names": [literal({"en": "Gate, East Street"}), literal({"en": "Mast"})]}
    )
    assert "Still at Gate, East Street; Mast" in in_all_languages(why)["en"]


@pytest.mark.parametrize(
    ("code", "english", "chinese"),
    [
        ("surge", "41 people in 5 min, 12 expected; about 1 in 80,000; since 13:00.",
         "5分钟内行人41人次，正常应为12人次，概率约为8万分之一，自13:00起。"),
        ("dead", "41 vehicles in 5 min, 12 expected; about 1 in 80,000; since 13:00.",
         "5分钟内车辆41辆次，正常应为12辆次，概率约为8万分之一，自13:00起。"),
        ("doubled", "41 people in 5 min, 12 expected; about 1 in 80,000; since 13:00. Twice as many as last told.",
         "5分钟内行人41人次，正常应为12人次，概率约为8万分之一，自13:00起。比上次通知时增加一倍。"),
        ("level_high",
         "Noise 91.3 dB (highest 97 dB), usually 41 to 63.5 dB; about 1 in 80,000; since 13:00.",
         "噪声91.3 dB（最高97 dB），正常为41至63.5 dB，概率约为8万分之一，自13:00起。"),
        ("threshold", "Noise 91.3 dB, limit 85 dB; since 13:00.",
         "噪声91.3 dB，阈值85 dB，自13:00起。"),
        ("state", "The door has been open for more than 120 s; since 13:00.",
         "门处于打开状态，已超过120秒，自13:00起。"),
        ("silent", "Nothing heard for 12 min; it usually reports every 60 s.",
         "已12分钟未收到数据，正常每60秒上报一次。"),
        ("series", "3 burglaries within 300 m and 72 h.", "72小时内在300米范围内发生入室盗窃3起。"),
        ("hotspot", "1 theft within 72 h nearby.", "附近72小时内盗窃1起。"),
        ("hotspot-earlier", "Mostly earlier thefts (80% of the risk).", "主要来自以往盗窃（占风险80%）。"),
        ("over", "The door has been open for more than 120 s; since 13:00. Over after 9 min.",
         "门处于打开状态，已超过120秒，自13:00起。现已结束，共持续9分钟。"),
    ],
)  # fmt: skip
def test_what_sentences_say(code, english, chinese):
    assert in_all_languages(EMITTED[code]) == {"en": english, "zh-CN": chinese}


@pytest.mark.parametrize(
    ("code", "more", "english", "chinese"),
    [
        ("surge", {"most": 1, "observed": 2000.0, "expected": 49.97},
         "Up to 2,000 people in 5 min, 50 expected", "5分钟内行人最多达2,000人次，正常应为50人次"),
        ("surge", {"observed": 60.0, "expected": 0.03, "period_s": 3300.0},
         "60 people in 55 min, hardly any expected", "55分钟内行人60人次，正常几乎为零"),
        ("deficit", {"observed": 3.0, "expected": 7.26, "period_s": 1800.0},
         "3 people in 30 min, 7.3 expected", "30分钟内行人3人次，正常应为7.3人次"),
        ("deficit", {"most": 1, "observed": 3.0},
         "As few as 3 people in 5 min, 12 expected", "5分钟内行人最少仅3人次，正常应为12人次"),
        ("deficit", {"observed": 0.0}, "No people counted in 5 min, 12 expected",
         "5分钟内未统计到行人，正常应为12人次"),
        ("dead", {"observed": 0.0}, "No people counted in 5 min, 12 expected", "5分钟内未统计到行人，正常应为12人次"),
    ],
)  # fmt: skip
def test_numbers_of_counts_as_people_say_them(code, more, english, chinese):
    told = in_all_languages(Why(code, COUNT | more))
    assert told["en"].startswith(english + "; ")
    assert told["zh-CN"].startswith(chinese + "，")


def test_a_finding_that_was_stored_without_a_period_says_none():
    old = {name: value for name, value in COUNT.items() if name not in {"period_s", "window_s", "most"}}
    assert in_all_languages(Why("surge", old)) == {
        "en": "41 people, 12 expected; about 1 in 80,000; since 13:00.",
        "zh-CN": "行人41人次，正常应为12人次，概率约为8万分之一，自13:00起。",
    }


def test_a_reading_that_was_stored_without_its_band_says_what_was_expected():
    old = {name: value for name, value in LEVEL.items() if name not in {"lower", "upper", "peak"}}
    assert in_all_languages(Why("level_low", old)) == {
        "en": "Noise 91.3 dB, expected 52 dB; about 1 in 80,000; since 13:00.",
        "zh-CN": "噪声91.3 dB，正常应为52 dB，概率约为8万分之一，自13:00起。",
    }


def test_an_unusual_mix_links_what_it_tells():
    assert in_all_languages(EMITTED["context"]) == {
        "en": "Few people (3 in 30 min, expected 14) but many vehicles (3, expected 14) and high noise (3 dB, expected "
        "14 dB) for a working Saturday around 13:00, noise as usual; such a mix: about 1 in 10,000,000.",
        "zh-CN": "调休上班的周六13:00前后行人偏少（30分钟内3人次，正常应为14人次），而车辆偏多（3辆次，正常应为"
        "14辆次），且噪声偏高（3分贝，正常应为14分贝），噪声正常；此类组合概率约为1000万分之一。",
    }


@pytest.mark.parametrize(
    ("category", "count", "english", "chinese"),
    [
        ("burglary", 1, "1 burglary", "入室盗窃1起"),
        ("vandalism", 2, "2 cases of vandalism", "故意损毁财物2起"),
        ("robbery_knife", 1, "1 incident (robbery knife)", "警情（robbery knife）1起"),
        ("robbery_knife", 3, "3 incidents (robbery knife)", "警情（robbery knife）3起"),
    ],
)
def test_one_is_singular_and_an_unknown_category_is_named(category, count, english, chinese):
    why = Why("hotspot-part", {"category": category, "count": count})
    assert in_all_languages(why) == {"en": english, "zh-CN": chinese}


@pytest.mark.parametrize(
    ("p", "english", "chinese"),
    [
        (0.9, "unusual only over several windows together", "多个时段累计才显异常"),
        (0.05, "about 1 in 20", "概率约为20分之一"),
        (1.2e-5, "about 1 in 80,000", "概率约为8万分之一"),
        (5e-9, "about 1 in 200,000,000", "概率约为2亿分之一"),
        (0.0, "less than 1 in 1,000,000,000", "概率不到十亿分之一"),
        (float("nan"), "less than 1 in 1,000,000,000", "概率不到十亿分之一"),
        (None, "less than 1 in 1,000,000,000", "概率不到十亿分之一"),
    ],
)
def test_odds(p, english, chinese):
    assert in_all_languages(Why("chance", {"p": p})) == {"en": english, "zh-CN": chinese}


def test_what_is_unknown_or_hostile_costs_a_gap_and_no_more():
    say = Sentences("en")
    assert say("no_such_code", a=1) == "no_such_code"
    assert say("no such code") == "no such code"
    assert say("surge", metric="{ $p }\n[x]\u2068").startswith("observed { $p }")
    long = Why("over", {"why": literal({"en": "x" * 9000}), "lasted_s": 1.0})
    assert re.fullmatch("x{2000,2400}… Over after 1 s.", say.why(long))
    assert say("silent", silent_s=None, usual_s=float("inf")) == "Nothing heard for ?; it usually reports every ?."
    assert say("barrier_down", passes=3, since_ms=10**18).endswith("since ?.")
    assert Sentences("fr").language == "en"


def test_why_an_alert_was_a_false_alarm_is_said_in_words_where_it_was_one():
    row = msgspec.to_builtins(make.alert(reason="animal"))
    assert with_texts(row)["false_alarm"] == {"en": "False alarm: an animal", "zh-CN": "误报：动物"}
    assert "false_alarm" not in with_texts(msgspec.to_builtins(make.alert()))


def test_rows_that_version_0_1_stored_keep_their_sentences():
    old = {"id": "a", "revision": 1, "kind": "surge", "text": {"en": "41 people."}, "advice": {"en": "Look."}}
    assert with_texts(old) == old
    assert Sentences("en").why(msgspec.convert(with_why(old)["why"], Why)) == "41 people."


def test_an_alert_as_json_says_what_it_said():
    alert = make.alert(why=Why("surge", COUNT | {"p": float("nan")}))
    row = json.loads(msgspec.json.encode(alert))
    told = with_texts(row)
    assert told["text"]["en"].startswith("41 people in 5 min, 12 expected; less than 1 in")
    assert told["advice"]["zh-CN"].startswith("查看现场视频")
    assert with_texts(row | {"place": {}})["place"] == {"en": "outside the beats", "zh-CN": "网格之外"}


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-US", "en"),
        ("en;q=0.3,zh;q=0.9", "zh-CN"),
        ("de,fr;q=0.5", "zh-CN"),
        ("zh;q=0", "zh-CN"),
        ("en;q=rubbish", "zh-CN"),
        ("", "zh-CN"),
        ("zh_CN.UTF-8", "zh-CN"),
    ],
)
def test_which_language_a_reader_gets(accept, language):
    assert choose_language(accepted(accept), "zh-CN") == language


def test_sentences_need_no_numpy():
    program = "import sys, stream.sentences.catalogue, console.common; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_the_command_line_prints_no_sentence_of_its_own():
    found = []
    for path in (ROOT / "console").rglob("*.py"):
        for node in pyast.walk(pyast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, pyast.Call) and isinstance(node.func, pyast.Name) and node.func.id == "print":
                texts = [part.value for part in pyast.walk(node) if isinstance(part, pyast.Constant)]
                found += [(path.name, text) for text in texts if re.search("[A-Za-z]{2,}[ ,]+[a-z]{2,}", str(text))]
    assert found == [("server.py", "PatrolGrid board: ")]


# --- the whole in a language that nobody speaks ---


PSEUDO = "eo"
WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}
"""Full-width letters: whatever is ASCII in what people see has not come from the catalogue."""


class Wide(Transformer):
    def visit_TextElement(self, node: ast.TextElement) -> ast.TextElement:  # noqa: N802 - as the library asks
        node.value = node.value.translate(WIDE)
        return node

    def visit_Placeable(self, node: ast.Placeable) -> ast.Placeable:  # noqa: N802 - same
        if isinstance(node.expression, ast.StringLiteral):
            node.expression.value = node.expression.value.translate(WIDE)
            return node
        return self.generic_visit(node)


@pytest.fixture
def pseudo(monkeypatch, tmp_path):
    """A third language: one file more."""
    folder = tmp_path / "sentences"
    folder.mkdir()
    for language in LANGUAGES:
        (folder / f"{language}.ftl").write_bytes((FOLDER / f"{language}.ftl").read_bytes())
    english = parsed((FOLDER / "en.ftl").read_text(encoding="utf-8"))
    (folder / f"{PSEUDO}.ftl").write_text(FluentSerializer().serialize(Wide().visit(english)), encoding="utf-8")
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] in ROOMS]:
        if getattr(module, "LANGUAGES", None) is LANGUAGES:
            monkeypatch.setattr(module, "LANGUAGES", (*LANGUAGES, PSEUDO))
    for module in (languages, catalogue):
        monkeypatch.setattr(module, "FOLDER", folder)
    return PSEUDO


def foreign(text: str, *data: str) -> list[str]:
    """ASCII words that are not data."""
    return [word for word in re.findall(r"[A-Za-z][A-Za-z_.-]*[A-Za-z]", text) if word not in {*data, "dB"}]


@pytest.mark.usefixtures("pseudo", "strict")
@pytest.mark.parametrize("code", EMITTED)
def test_results_in_a_new_language(code):
    text = in_all_languages(EMITTED[code])[PSEUDO]
    assert foreign(text, "West", "gate", "door", "co", "Co") == []
    assert re.search("[\uff41-\uff5a]", text)


@pytest.mark.usefixtures("pseudo", "strict")
def test_alerts_over_mqtt_and_in_files_in_a_new_language():
    row = with_texts(json.loads(msgspec.json.encode(make.alert(place={}))))
    for name in ("text", "advice", "place"):
        assert foreign(row[name][PSEUDO]) == []


@pytest.mark.usefixtures("pseudo")
def test_the_page_in_a_new_language():
    for forms in page_texts(PSEUDO, "board-").values():
        for text in [forms] if isinstance(forms, str) else forms.values():
            assert foreign(re.sub(r"\{\w+\}", "", text)) == []


def test_a_page_gets_the_forms_of_a_plural():
    assert page_texts("en", "board-")["recent-lead"] == {
        "one": "{n} alert changed in the last 24 hours.",
        "other": "{n} alerts changed in the last 24 hours.",
    }
    assert page_texts("zh-CN", "board-")["recent-lead"] == "近24小时内有{n}条告警发生变化。"


@pytest.mark.usefixtures("pseudo", "strict")
def test_grafana_in_a_new_language():
    shown: list[str] = [rule["title"] + rule["annotations"]["summary"] for rule in rules(PSEUDO)]

    def look(node: object) -> None:
        if isinstance(node, dict):
            shown.extend(node[key] for key in ("title", "description", "text") if isinstance(node.get(key), str))
            shown.extend(str(one["value"]) for one in node.get("properties", ()) if one.get("id") == "displayName")
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    for dashboard in dashboards(PSEUDO).values():
        look(dashboard)
    assert len(shown) > 200
    text = re.sub(r"\{\{.*?\}\}|\$\{.*?\}", "", "\n".join(shown))  # what Grafana fills in
    assert foreign(text, "All") == []  # Grafana's own word for every value


@pytest.mark.usefixtures("pseudo", "strict")
def test_the_command_line_in_a_new_language(tmp_path, capsys):
    folder = tmp_path / "data" / "s1"
    folder.mkdir(parents=True)
    sink = StoreSink(folder / "store.db", "s1")
    written = make.results(
        1, windows=[make.windows({})], anomalies=[make.anomaly()], alerts=[make.alert(state="raised")]
    )
    sink.write([written])
    sink.close()
    assert main(["status", "--data-dir", str(tmp_path / "data"), "--lang", PSEUDO]) == 0
    out = capsys.readouterr().out
    assert foreign(out, "person", "vehicle", "noise", "door", "gate", "cam", "noise-1") == []
    assert out.count("\uff50\uff45\uff4f\uff50\uff4c\uff45") >= 2  # "people"
