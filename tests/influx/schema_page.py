"""Makes ``docs/schema.md`` from `stream.sinks.influx.schema`: ``python -m tests.influx.schema_page``.

A test holds that the page is up to date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stream.sinks.influx.schema import COARSE, MEASUREMENTS, TAGS

PAGE: Final = Path(__file__).parents[2] / "docs" / "schema.md"
_HEAD: Final = """\
# What stands in InfluxDB

Points are named by measurement, tags and time; times are whole seconds. Writing a point again writes its fields over:
that is how a window that changes, or a batch that is sent twice, stays right. A field that has no value is left out,
and keeps the value it had. Texts are on one line. All queries are InfluxQL, which InfluxDB 1, 2 and 3 answer;
`$timeFilter` is Grafana's, on a command line write `time > now() - 1h`.

Of two additions to an old window only the sum is ever seen: a window is written whole whenever a part is added.
Number plates and their tokens never come here.

(This page is made from `stream/sinks/influx/schema.py` by `python -m tests.influx.schema_page`.)

| tag | meaning |
|---|---|
"""

_COARSE: Final = """
## Five-minute and daily values

Made inside InfluxDB (`patrolgrid influx setup`), under the same tags, at the interval's start; days are the site's.

| measurement | field | made from |
|---|---|---|"""


def page() -> str:
    """Return ``docs/schema.md``."""
    lines = [_HEAD + "\n".join(f"| `{name}` | {_cell(doc)} |" for name, doc in TAGS.items())]
    for measurement in MEASUREMENTS.values():
        lines += ["", f"## {measurement.name}", "", measurement.doc]
        if not measurement.written:
            lines += ["", "**Reserved**: the pipeline does not give this result yet."]
        lines += ["", f"Time: {measurement.time}. Tags: {', '.join(f'`{tag}`' for tag in measurement.tags)}.", ""]
        lines += ["| field | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{f.name}` | {f.type} | {_cell(f.unit)} | {_cell(f.doc)} |" for f in measurement.fields]
        lines += ["", "```sql", measurement.example, "```"]
    lines += [
        "",
        "## Five-minute and daily values",
        "",
        _COARSE,
        "",
        "| measurement | field | made from |",
        "|---|---|---|",
    ]
    for one in COARSE:
        made = f"{one.function} of `{one.field}`" + (f" where it is `{one.only}`" if one.only else "")
        lines.append(f"| `{one.measurement}` | `{one.name}` | {made} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
