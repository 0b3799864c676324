"""Makes ``docs/schema.md`` and its Chinese from `stream.sinks.influx.schema`: ``python -m tests.influx.schema_page``.

The Chinese of what the schema says stands in ``stream/sentences/plain.zh-CN.po``. A test holds that both pages are up
to date.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from stream.sentences.languages import ENGLISH, LANGUAGES
from stream.sentences.plain import pairs
from stream.sinks.influx.schema import COARSE, MEASUREMENTS, TAGS

_WORDS: Final = {
    "en": {
        "head": """
            # What stands in InfluxDB

            Points are named by measurement, tags and time; times are whole seconds. Writing a point again writes its
            fields over: that is how a window that changes, or a batch that is sent twice, stays right. A field that has
            no value is left out, and keeps the value it had. Texts are on one line. All queries are InfluxQL, which
            InfluxDB 1, 2 and 3 answer; `$timeFilter` is Grafana's, on a command line write `time > now() - 1h`.

            Of two additions to an old window only the sum is ever seen: a window is written whole whenever a part is
            added. Number plates and their tokens never come here. 中文：[schema.zh-CN.md](schema.zh-CN.md).

            (This page is made from `stream/sinks/influx/schema.py` by `python -m tests.influx.schema_page`.)
            """,
        "tags": "| tag | meaning |",
        "reserved": "**Reserved**: the pipeline does not give this result yet.",
        "time": "Time: {time}. Tags: {tags}.",
        "comma": ", ",
        "fields": "| field | type | unit | meaning |",
        "coarse": """
            ## Five-minute and daily values

            Made inside InfluxDB (`patrolgrid influx setup`), under the same tags, at the interval's start; days are the
            site's.
            """,
        "coarse-columns": "| measurement | field | made from |",
        "made": "{function} of `{field}`",
        "made-only": "{function} of `{field}` where it is `{only}`",
    },
    "zh-CN": {
        "head": """
            # InfluxDB 中有什么

            点由测量名、标签和时间确定；时间为整秒。再次写入同一个点即覆盖其字段：变化的窗口、重发的批次因此保持正确。
            没有值的字段不写，保留原值。文本只占一行。查询都用 InfluxQL，InfluxDB 1、2、3 均支持；
            `$timeFilter` 是 Grafana 的，命令行中请写 `time > now() - 1h`。

            对旧窗口的两次补充只看得到合计：每补充一部分，窗口都整个重写。号牌及其代号绝不写入这里。
            English: [schema.md](schema.md)。

            （本页由 `python -m tests.influx.schema_page` 从 `stream/sinks/influx/schema.py` 生成。）
            """,
        "tags": "| 标签 | 含义 |",
        "reserved": "**保留**：处理流程尚不产生此结果。",
        "time": "时间：{time}。标签：{tags}。",
        "comma": "、",
        "fields": "| 字段 | 类型 | 单位 | 含义 |",
        "coarse": """
            ## 五分钟值和每日值

            在 InfluxDB 内部生成（`patrolgrid influx setup`），标签相同，时间为区间开始；日按站点时区划分。
            """,
        "coarse-columns": "| 测量 | 字段 | 来源 |",
        "made": "`{field}` 的 {function}",
        "made-only": "`{field}` 为 `{only}` 时的 {function}",
        # Single words are no texts of the catalogue: there they would be taken for words of other texts.
        "count": "个",
        "probability": "概率",
        "word": "代码",
        "sentence": "句子",
        "degrees": "度",
        "events": "起",
        "incidents": "起",
        "name": "名称",
        "category": "类别",
        "lowest": "最低",
        "highest": "最高",
        "repeats": "重复数",
    },
}


def page_file(language: str) -> Path:
    """Return the page in a language."""
    docs = Path(__file__).parents[2] / "docs"
    return docs / ("schema.md" if language == ENGLISH else f"schema.{language}.md")


def page(language: str = ENGLISH) -> str:
    """Return what the page says."""
    words, translated = _WORDS[language], pairs(language)

    def cell(text: str) -> str:
        return translated.get(text, words.get(text, text)).replace("|", "\\|")

    lines = [*inspect.cleandoc(words["head"]).splitlines(), "", words["tags"], "|---|---|"]
    lines += [f"| `{name}` | {cell(doc)} |" for name, doc in TAGS.items()]
    for measurement in MEASUREMENTS.values():
        lines += ["", f"## {measurement.name}", "", translated.get(measurement.doc, measurement.doc)]
        if not measurement.written:
            lines += ["", words["reserved"]]
        tags = words["comma"].join(f"`{tag}`" for tag in measurement.tags)
        lines += ["", words["time"].format(time=translated.get(measurement.time, measurement.time), tags=tags), ""]
        lines += [words["fields"], "|---|---|---|---|"]
        lines += [f"| `{f.name}` | {f.type} | {cell(f.unit)} | {cell(f.doc)} |" for f in measurement.fields]
        lines += ["", "```sql", measurement.example, "```"]
    lines += ["", *inspect.cleandoc(words["coarse"]).splitlines(), "", words["coarse-columns"], "|---|---|---|"]
    for one in COARSE:
        made = words["made-only" if one.only else "made"].format(function=one.function, field=one.field, only=one.only)
        lines.append(f"| `{one.measurement}` | `{one.name}` | {made} |")
    return "\n".join(lines) + "\n"


def texts() -> list[str]:
    """Return the English that the schema says, for whoever translates it."""
    found = list(TAGS.values())
    for measurement in MEASUREMENTS.values():
        found += [measurement.doc, measurement.time, *(part for f in measurement.fields for part in (f.unit, f.doc))]
    return [text for text in dict.fromkeys(found) if " " in text]


if __name__ == "__main__":
    for each in LANGUAGES:
        page_file(each).write_text(page(each), encoding="utf-8")
