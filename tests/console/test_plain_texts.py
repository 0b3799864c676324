"""Every plain English text of the code that may reach a person has its Chinese, and no Chinese is left over.

What is missing is printed as it has to stand in ``stream/sentences/plain.zh-CN.po``, with the Chinese to fill in. Files
whose texts nobody reads are named in `NOT_FOR_PEOPLE`, with the reason.
"""

import argparse
import ast
import json
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from console.cli.main import COMMANDS, _parser, main
from console.cli.parser import block_parts
from console.width import cells
from stream.sentences.catalogue import Sentences
from stream.sentences.plain import pairs, plain
from tests.influx import schema_page

CHINESE = "zh-CN"
ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "stream" / "sentences" / f"plain.{CHINESE}.po"
OUTSIDE = {
    "[Errno {0}] {1}", "{0}: line {1} column {2} (char {3})", "Unable to load PEM file. See {0}",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {0} (_ssl.c:{1})",
    "Error {0} while decompressing data: {1}",
}  # fmt: skip
"""What other programs say more of than people need."""
FOR_ENGINEERS = {"architecture", "context", "dependencies", "performance"}
HAN = re.compile(r"[\u4e00-\u9fff]")
FOREIGN = {"icalendar", "kafka", "overrides"}
"""Words of other languages that Chinese uses and the English text has not."""
ROOMS = ("ingest", "models", "stream", "simulators", "deploy", "console")
NOT_FOR_PEOPLE = {
    "console/board/security.py": "headers",
    "console/demo/demo_people.py": "a stand-in for a chat, in both languages",
    "console/deliver/channels/cap.py": "an alert's own language",
    "console/report/pictures.py": "drawings",
    "console/report/report_page.py": "markup",
    "console/report/report_words.py": "markup",
    "deploy/grafana": "dashboards have languages of their own, and the rest is queries",
    "deploy/influx/downsampling.py": "queries",
    "deploy/station/example_places.py": "names of an example, in both languages",
    "models": "what only a program does wrong: its arguments",
    "simulators/devices": "what simulated devices and officers say",
    "stream/detect/context_stage.py": "what only a program does wrong",
    "stream/detect/detection.py": "what only a program does wrong",
    "stream/output_codec.py": "what only a program does wrong",
    "stream/sinks/store/export_tables.py": "names of columns",
    "stream/sinks/influx/lines.py": "what only a program does wrong",
    "stream/sinks/influx/schema.py": "`schema_page.texts` has it",
    "stream/sinks/result_rows.py": "what only a program does wrong",
    "stream/windows": "what only a program does wrong",
}
TAKEN_ALL_THE_SAME = (
    "deploy/grafana/api.py",
    "models/calendar.py",
    "models/context/forest_training.py",
    "models/rules/defaults.py",
    "models/rules/fires.py",
    "models/backtests/hotspot_backtest.py",
)
ONLY_RAISED = (
    "console/doctor/mosquitto_conf.py",
    "deploy/station/station_files.py",
    "deploy/grafana/sync.py",
    "deploy/influx/setup.py",
    "deploy/kafka/gateway_service.py",
    "deploy/kafka/worker_status.py",
    "deploy/node/forest_process.py",
    "deploy/processes/broker.py",
    "models/patrols/staffing.py",
    "stream/sinks/store/alert_tables.py",
    "stream/sinks/store/result_pages.py",
)
"""Files that are full of other texts: of these, what is raised."""
NO_SENTENCES = {
    "unexpected end of data", "no such table", "no such column", "beyond retention policy", "have changed",
    "'Mon-Fri 07:30-07:45 @ 121.4737 31.2304: school gate'", "Sat 09:00-13:00 @ beat-3: market day",
    "'critical,warning beat=b1 kind=smoke,fire during daily 22:00-06:00 @ on:desk role:chief #duty'",
    "'daily 06:00-14:00 @ wang li: desk'", "'critical every 5 min'", "'critical after 5 min @ role:chief'",
    "Mon-Fri 07:30-07:45 @ 121.4703 31.2331: school gate 学校门口", "Auckland city centre", "patrolgrid grafana sync",
    "dict[str, int | float | str | Why | list[Why] | None]", ", id, revision", "fitted to {0} incidents in {1} s\n",
    "port 0 either binds or raises", "host {0}, places {1}: {2}", "broker {0}: {1}", "patrolgrid {0}: {1}",
    ' <at user_id="{0}"></at>', "{0} / {1} ms ({2})", "PatrolGrid {0} {1}", "PatrolGrid board", "PatrolGrid broker",
    "{0} value={1} {2}",
}  # fmt: skip
"""What other programs say and is looked for, examples of settings, names, and lines of logs."""
NO_PROSE = re.compile(
    r"\b(SELECT|INSERT|CREATE|UPDATE|DELETE|PRAGMA|WHERE|FROM|VALUES|VACUUM|ALTER|DROP|BEGIN|ORDER BY|CASE|WHEN)\b"
    r"|^python -m |charset=|^text/|!= '| \? |%[sd]| IN \('|^sudo |^\{0\} (doctor|up|places) |-m pip|password\)\""
)
PROSE = re.compile(r"[A-Za-z]{2,}[,:;]? [a-z({\"']|[a-z}'] [a-z]{2,}")
LOGS = {"debug", "info", "warning", "exception", "critical", "log"}
LEFT_OUT = LOGS | {"add", "add_argument", "add_parser", "ArgumentParser", "add_argument_group", "compile"}
WITHOUT_TEXTS = (ast.Name, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


def text_of(node: ast.AST) -> str | None:
    """Return a literal's text; the fields of an f-string as {0}, {1}."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        fields = iter(range(len(node.values)))
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{next(fields)}}}" for part in node.values
        )
    return None


def literals(tree: ast.AST, *, only_raised: bool) -> set[str]:
    """Return the texts of a module, docstrings, logs and help left out."""
    found: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(tree, not only_raised)]
    while waiting:
        node, taken = waiting.pop()
        match node:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.AnnAssign(target=ast.Name(id="EXAMPLES" | "_EXAMPLES")):
                continue
            case ast.Call(func=ast.Attribute(attr=name)) if name in LEFT_OUT:
                continue
            case ast.Call(func=ast.Attribute(attr="error", value=ast.Name(id="LOG" | "_LOG"))):
                continue
            case ast.Call(func=ast.Name(id=name)) if name in LEFT_OUT:
                continue
            case ast.Raise():
                taken = True
            case ast.Constant() | ast.JoinedStr():
                text = text_of(node)
                if text and taken and PROSE.search(text) and not NO_PROSE.search(text):
                    found.add(text)
                parts = node.values if isinstance(node, ast.JoinedStr) else []
                waiting += [(part.value, taken) for part in parts if isinstance(part, ast.FormattedValue)]
                continue
        for name in node._fields:
            inner = getattr(node, name)
            for child in inner if isinstance(inner, list) else (inner,):
                if isinstance(child, ast.AST) and not isinstance(child, WITHOUT_TEXTS):
                    waiting.append((child, taken))
    return found


@cache
def texts_of_source() -> dict[str, str]:
    """Return text → the file it stands in, of all that stands in the source."""
    found: dict[str, str] = {}
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        name = path.relative_to(ROOT).as_posix()
        raised, taken = name in ONLY_RAISED, name in TAKEN_ALL_THE_SAME
        if raised or taken or not name.startswith(tuple(NOT_FOR_PEOPLE)):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {text: name for text in sorted(literals(tree, only_raised=raised)) if text not in found}
    return {text: name for text, name in found.items() if text not in NO_SENTENCES}


def parsers_below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in {id(one): one for one in action.choices.values()}.values():
                yield from parsers_below(child)


@cache
def texts_of_help() -> dict[str, str]:
    """Return text → command, of all that `--help` says; a description that is made of a summary counts as that."""
    found: dict[str, str] = {}
    for command in COMMANDS:
        for parser in parsers_below(_parser([command], str)):
            helps = [action.help for action in parser._actions]
            helps += [
                one.help
                for action in parser._actions
                if isinstance(action, argparse._SubParsersAction)
                for one in action._choices_actions
            ]
            titles = [group.title for group in parser._action_groups] + ["usage: "]
            blocks = [said for _, said in block_parts(f"{parser.description or ''}\n\n{parser.epilog or ''}")]
            found |= {text: command for text in [*helps, *titles] if text and text not in found}
            summaries = {text[0].upper() + text[1:] + "." for text in found}
            found |= {text: command for text in blocks if text and text not in found and text not in summaries}
    return found


@cache
def wanted() -> dict[str, str]:
    """Return text → where it stands, of all that has to have its Chinese."""
    make_settings = runpy.run_path(str(ROOT / "docs" / "make_settings.py"))
    documented = dict.fromkeys(make_settings["texts"](), "settings") | dict.fromkeys(schema_page.texts(), "schema")
    return documented | texts_of_help() | texts_of_source()


def as_entries(texts: dict[str, str]) -> str:
    lines = []
    for text, where in texts.items():
        lines += [f"#. {where}", f"msgid {json.dumps(text, ensure_ascii=False)}", 'msgstr ""']
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("places.geojson: feature 0 ('x') has type 'camra', expected one of camera, gate",
         "places.geojson：要素 0 ('x') 的类型为 'camra'，应为其中之一：camera, gate"),
        ("b.toml: broker.port is 'x', expected a whole number from 1 to 65535",
         "b.toml: broker.port 为 'x'，应为整数，1 至 65535"),
        ("c.csv: has no rows that can be used; line 2: count is 'x', expected a whole number from 0",
         "c.csv：没有一行可用；第 2 行：count 为 'x'，应为从 0 起的整数"),
        ("no connection to the MQTT broker at 10.0.0.1:1883: the connection was lost: Unspecified error",
         "连不上 MQTT 消息代理 10.0.0.1:1883：连接中断：原因不明"),
        ("/x/store.db: cannot be opened: [Errno 13] Permission denied: '/x/store.db'",
         "/x/store.db：无法打开：'/x/store.db'：没有权限"),
        ("ts is 'abc', expected epoch milliseconds, or text like 2026-11-23T08:05:00Z or …+08:00",
         "ts 为 'abc'，应为毫秒时间戳，或 2026-11-23T08:05:00Z、…+08:00 形式的文本"),
        ("[Errno 28] the disk is full: No space left on device: '/x/log.db'", "'/x/log.db'：磁盘已满：磁盘空间已满"),
        ("a.toml: board.map_link is 'geo:{lat}'; expected geo: or https:// with {lat} and {lon}",
         "a.toml：board.map_link 为 'geo:{lat}'；应为 geo: 或 https://，并含 {lat} 和 {lon}"),
        ("days.ics: event 2 ('Party') has DTSTART that cannot be read: x",
         "days.ics：事件 2（'Party'）有无法读取的 DTSTART：x"),
        ("f.geojson: feature 0 ('commands') has an id that is a reserved topic word (audit, commands)",
         "f.geojson：要素 0 ('commands') 的编号是主题保留词（audit, commands）"),
        ("Camera, East Street", "Camera, East Street"),
        ("a: b, c; d (e) " * 200, "a: b, c; d (e) " * 200),
    ],
)  # fmt: skip
def test_a_text_is_found_again_with_its_fields_and_what_is_in_them(english, chinese):
    assert plain(english, CHINESE) == chinese
    assert plain(english, "en") == english


def test_errors_within_sentences_are_said_in_their_language():
    said = Sentences(CHINESE)("worker-ended", error="the log cannot be read or written: disk I/O error")
    assert "日志无法读写：磁盘读写出错" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["pki", "destroy"],
            ["用法：", "参数 ACTION：'destroy' 不可选（可选：'init', 'show', 'issue', 'renew', 'revoke', 'list'）"],
        ),
        (["up", "--bogus"], ["不认识的参数：--bogus"]),
        (["replay", "nothing.csv"], ["没有文件 nothing.csv；应为计数 CSV"]),
        (["settings", "--config", "nothing.toml"], ["nothing.toml：无法读取：没有这个文件或目录"]),
        (["settings", "--config", "{folder}/a.toml"], ["没有键 site.nme；是不是"]),
    ],
)
def test_a_wrong_use_is_explained_in_chinese(arguments, said, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.toml").write_text('[site]\nlanguage = "zh-CN"\nnme = 1\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    code: object
    try:
        code = main([one.format(folder=tmp_path) for one in arguments])
    except SystemExit as ended:
        code = ended.code
    assert code in {1, 2}
    shown = capsys.readouterr().err
    assert all(part in shown for part in said), shown


def test_the_doctor_says_in_chinese_what_is_wrong(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.toml").write_text('[site]\ntimezone = "Mars"\n', encoding="utf-8")
    monkeypatch.setenv("PATROLGRID_LANG", CHINESE)
    assert main(["doctor", "--config", str(tmp_path / "a.toml")]) == 1
    assert "site.timezone 为 'Mars'，应为 IANA 时区" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["edge", "people", "settings"])
def test_help_in_chinese_fits_a_terminal_and_has_no_english(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATROLGRID_LANG", CHINESE)
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    prose = [line for line in capsys.readouterr().out.splitlines() if HAN.search(line)]
    assert len(prose) > 5
    assert all(cells(line) <= 80 for line in prose if not line.startswith("  patrolgrid "))
    assert not [line for line in prose if re.search(r"\b(the|of|and|with|that)\b", line)]


def test_the_settings_file_says_the_language_of_help(tmp_path, monkeypatch, capsys):
    for name in ("PATROLGRID_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "patrolgrid.toml").write_text('[site]\nlanguage = "zh-CN"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for arguments, expected in ((["--help"], "用法："), (["--help", "--lang", "en"], "usage: ")):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        assert capsys.readouterr().out.startswith(expected)


def test_every_text_of_the_code_has_its_chinese():
    missing = {text: where for text, where in wanted().items() if not pairs(CHINESE).get(text)}
    assert not missing, f"{len(missing)} to be added to stream/sentences/{CATALOGUE.name}:\n{as_entries(missing)}"


def test_no_chinese_is_left_over():
    ours = CATALOGUE.read_text(encoding="utf-8").partition("\n# outside")[0]
    known = {json.loads(line.removeprefix("msgid ")) for line in ours.splitlines() if line.startswith("msgid ")} - {""}
    stale = known - {*wanted()}
    assert not stale, f"no longer in the code, so to be removed from stream/sentences/{CATALOGUE.name}: {sorted(stale)}"
    assert ours.count("\nmsgid ") == len(known) + 1, "a text stands twice"


def test_chinese_has_the_fields_and_only_the_foreign_words_of_the_english():
    wrong = []
    for english, chinese in pairs(CHINESE).items():
        fields = [set(re.findall(r"\{\d+\}|%\(\w+\)s", text)) for text in (english, chinese)]
        foreign = latin_words(re.sub(r"\.zh-CN", "", chinese)) - latin_words(english) - FOREIGN
        untold = re.search(r"([a-z]{2,} ){3}", english) and not HAN.search(chinese)
        pages = [page for page in re.findall(r"docs/[\w.-]+\.md", chinese) if not (ROOT / page).is_file()]
        if english not in OUTSIDE and (fields[0] != fields[1] or foreign or untold or pages):
            wrong.append((english, chinese, foreign, pages))
    assert not wrong


def test_one_thing_has_one_name():
    """Chinese names of one thing differ where several people write; these are the house's."""
    ours = {"口令": "密码", "警员": "民警", "账户": "账号", "位置文件": "点位文件", "车牌": "号牌"}
    for path in (ROOT / "stream" / "sentences").glob(f"*{CHINESE}*"):
        text = path.read_text(encoding="utf-8")
        assert {other: word for other, word in ours.items() if other in text} == {}, path.name


def test_pages_that_are_named_are_there():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "stream" / "sentences").glob("*.ftl")]
    named = {page for text in [*texts, *wanted()] for page in re.findall(r"docs/[\w.-]+\.md", text)}
    assert len(named) > 5
    assert {page for page in named if not (ROOT / page).is_file()} == set()
    chinese = (ROOT / "stream" / "sentences" / f"{CHINESE}.ftl").read_text(encoding="utf-8")
    assert set(re.findall(r"docs/(\w+)\.md", chinese)) <= FOR_ENGINEERS


def test_pages_for_users_are_there_in_chinese_and_lead_to_each_other():
    docs = ROOT / "docs"
    english = {path.stem for path in docs.glob("*.md") if "." not in path.stem}
    assert {page for page in english if not (docs / f"{page}.{CHINESE}.md").is_file()} == FOR_ENGINEERS
    for page in docs.glob(f"*.{CHINESE}.md"):
        own = page.name.partition(".")[0]
        linked = re.findall(r"\]\((\w+)\.md", page.read_text(encoding="utf-8"))
        assert set(linked) - FOR_ENGINEERS <= {own}, page.name


def latin_words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z][A-Za-z_]{2,}", text)}


def test_make_says_the_same_in_both_languages():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    blocks = [re.findall(rf"define {name}\n(.*?)\nendef", text, re.DOTALL)[0] for name in ("HELP", "HELP_ZH")]
    english, chinese = ([line.split(maxsplit=2) for line in block.splitlines()] for block in blocks)
    assert [line[1] for line in english] == [line[1] for line in chinese]
    assert all(HAN.search(line[2]) for line in chinese)
    targets = set(re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE)[0].split())
    assert targets - {line[1] for line in english} == {"help", "constraints", "locks", "distclean"}
    assert not re.search(r'echo "[^$ ]', text), "said in one language only: $(call say,English,中文)"
