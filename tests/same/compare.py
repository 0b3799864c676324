"""Two dumps, compared: numbers, ids and times exactly, texts for people apart."""

import json
from collections.abc import Iterable
from typing import Any, Final

from tests.same.contents import Dump, Fields, Key

_EXAMPLES: Final = 5

Report = dict[str, Any]


def compare(base: Dump, own: Dump, tables: Iterable[str] | None = None) -> Report:
    """Return what of `base` is missing, too much or different in `own`, table by table, with examples.

    A field that no row of one side has (a tree may have taught its rows to say more) is named and not compared; but
    what `base` told and `own` does not tell any more is a difference.
    """
    wanted = sorted(base.rows.keys() | own.rows.keys()) if tables is None else sorted(tables)
    found = {table: _table(base.rows.get(table, {}), own.rows.get(table, {})) for table in wanted}
    texts = _texts(base, own, set(wanted))
    different = sum(one["missing"] + one["surplus"] + one["different"] + len(one["gone"]) for one in found.values())
    return {"tables": found, "texts": texts, "compared": sum(one["compared"] for one in found.values()),
            "differences": different}  # fmt: skip


def _table(base: dict[Key, Fields], own: dict[Key, Fields]) -> Report:
    before, now = _fields(base), _fields(own)
    # Where one side has no row at all, fields are not what is wrong.
    new, gone = (sorted(now - before), sorted(before - now)) if base and own else ([], [])
    left_out = {*new, *gone}
    missing = [key for key in base if key not in own]
    surplus = [key for key in own if key not in base]
    different, examples = 0, []
    for key, row in base.items():
        there = own.get(key)
        if there is None or there == row:
            continue
        names = [name for name in sorted(row.keys() | there.keys()) if name not in left_out]
        other = {name: [row.get(name), there.get(name)] for name in names if row.get(name) != there.get(name)}
        if other:
            different += 1
            if different <= _EXAMPLES:
                examples.append({"different": key, "base and own": other})
    examples += [{"missing": key, "base": base[key]} for key in missing[:_EXAMPLES]]
    examples += [{"surplus": key, "own": own[key]} for key in surplus[:_EXAMPLES]]
    return {
        "compared": sum(key in own for key in base),
        "missing": len(missing),
        "surplus": len(surplus),
        "different": different,
        "new": new,
        "gone": gone,
        "examples": examples,
    }


def _fields(rows: dict[Key, Fields]) -> set[str]:
    return {name for fields in rows.values() for name in fields}


def _texts(base: Dump, own: Dump, tables: set[str]) -> Report:
    """Return what texts differ, with one example of every kind of text."""
    mine, theirs = ({key: text for key, text in dump.texts.items() if key[0] in tables} for dump in (own, base))
    kinds: dict[str, Report] = {}
    different = 0
    for key, text in theirs.items():
        there = mine.get(key)
        if there is None or there == text:
            continue
        different += 1
        kind = kinds.setdefault(_kind(base, *key), {"count": 0, "key": key[:2], "base": text, "own": there})
        kind["count"] += 1
    return {
        "compared": sum(key in mine for key in theirs),
        "missing": sum(key not in mine for key in theirs),
        "surplus": sum(key not in theirs for key in mine),
        "different": different,
        "kinds": kinds,
    }


def _kind(dump: Dump, table: str, key: Key, name: str) -> str:
    """Return what kind of text it is: of which table and field, of which kind of finding, in what state."""
    row = dump.rows[table].get(key, {})
    words = [row.get("kind") or (key[2] if table in {"anomalies", "rejects"} else ""), row.get("state", "")]
    return " ".join([table, name, *(str(word) for word in words if word)])


def printed(report: Report) -> str:
    """Return a report as a table to read."""
    lines = [f"{'':<18}{'compared':>10}{'missing':>9}{'surplus':>9}{'different':>11}"]
    rows = [*report["tables"].items(), ("texts", report["texts"])]
    lines += [
        f"{name:<18}{one['compared']:>10,}{one['missing']:>9,}{one['surplus']:>9,}{one['different']:>11,}"
        for name, one in rows
    ]
    for name, one in report["tables"].items():
        lines += [f"{name}: field {field!r} is new, not compared" for field in one["new"]]
        lines += [f"{name}: field {field!r} is gone" for field in one["gone"]]
        lines += [f"{name}: {json.dumps(example, ensure_ascii=False)}" for example in one["examples"][:2]]
    for kind, one in report["texts"]["kinds"].items():
        lines.append(f"{one['count']:,} texts of {kind!r} differ, such as {one['base']} and {one['own']}")
    lines.append(f"{report['compared']:,} rows compared, {report['differences']:,} differences (texts not counted)")
    return "\n".join(lines)
