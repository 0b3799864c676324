"""Names and values as people read them: columns, kinds, severities, states, in both languages."""

from __future__ import annotations

from typing import Any, Final

from deploy.grafana.panels import BLUE, GREEN, RED, YELLOW, Json, Say, override
from models.phrases import TITLES, WORDS

_COLUMNS: Final[dict[str, tuple[str, str, int]]] = {
    "Time": ("Time", "时间", 155),
    "beat": ("Beat", "网格", 130),
    "device": ("Device", "设备", 110),
    "kind": ("Kind", "类型", 190),
    "severity": ("Severity", "级别", 85),
    "state": ("State", "状态", 110),
    "place": ("Place", "地点", 0),
    "text": ("What", "情况", 0),
    "cell": ("Cell", "格", 90),
    "rank": ("Rank", "排名", 60),
    "risk": ("Risk", "风险", 110),
    "expected": ("Expected events", "预期事件数", 130),
    "drivers": ("Why", "成因", 0),
    "quality": ("Data quality", "数据质量", 0),
    "online": ("Online", "在线", 0),
    "silent": ("Silent", "失联", 0),
    "stuck": ("Stuck", "卡死", 0),
    "missing": ("Missing", "缺失", 0),
    "late": ("Late", "迟到", 0),
    "skew_s": ("Clock skew", "时钟偏差", 0),
    "name": ("Scenario", "场景", 0),
    "found": ("Found", "检出", 0),
    "happened": ("Happened", "发生", 0),
    "delay_s": ("Delay", "延迟", 0),
}
"""Column → its name in English and Chinese, and its width in pixels; 0 shares what is left."""
_LONG: Final = {"place", "text", "drivers"}
"""Columns of sentences, which go on in a second line."""
_SEVERITIES: Final = {
    "critical": ("critical", "紧急", RED),
    "warning": ("warning", "警告", YELLOW),
    "info": ("info", "提示", BLUE),
}
_STANDINGS: Final = {
    "raised": ("raised", "待处置"),
    "acknowledged": ("acknowledged", "处置中"),
    "cleared": ("cleared", "已解除"),
    "expired": ("expired", "已过期"),
}
_GOOD: Final = {"closed", "ok", "down"}
_NOTED: Final = {"up"}


def columns(say: Say, *names: str) -> list[Json]:
    """Return how the columns of a table are called and how wide they are."""
    made = []
    for name in names:
        english, chinese, width = _COLUMNS[name]
        more: dict[str, Any] = {"custom_width": width} if width else {}
        if name in _LONG:
            more["custom_cellOptions"] = {"type": "auto", "wrapText": True}
        made.append(override(name, displayName=say(english, chinese), **more))
    return made


def kinds(say: Say) -> list[Json]:
    """Return the names of kinds of alerts, in a column ``kind``."""
    return [override("kind", mappings=_mapping({name: {"text": say(*title)} for name, title in TITLES.items()}))]


def kind_series(say: Say) -> list[Json]:
    """Return the names of kinds of alerts, where each is a series."""
    return [override(name, displayName=say(*title)) for name, title in TITLES.items()]


def severities(say: Say) -> list[Json]:
    """Return words and colours of severities, in a column ``severity``."""
    found = {name: {"text": say(*words), "color": color} for name, (*words, color) in _SEVERITIES.items()}
    return [override("severity", mappings=_mapping(found), custom_cellOptions={"type": "color-background"})]


def standings(say: Say) -> list[Json]:
    """Return the words of an alert's states, in a column ``state``."""
    return [override("state", mappings=_mapping({name: {"text": say(*words)} for name, words in _STANDINGS.items()}))]


def device_states(say: Say) -> list[Json]:
    """Return words and colours of what doors, covers, barriers, cameras say of themselves."""
    found = {
        word: {"text": say(word, chinese), "color": GREEN if word in _GOOD else BLUE if word in _NOTED else RED}
        for word, chinese in WORDS.items()
    }
    return [override(".*", like=True, mappings=_mapping(found))]


def yes_no(say: Say, good: int, *names: str) -> list[Json]:
    """Return columns of 0 and 1 as words; the one that is not `good` in red."""
    words = (say("no", "否"), say("yes", "是"))
    found = {str(value): {"text": words[value], **({} if value == good else {"color": RED})} for value in (0, 1)}
    return [override(name, mappings=_mapping(found), custom_cellOptions={"type": "color-text"}) for name in names]


def hidden(*names: str) -> list[Json]:
    """Return columns that are there for links and sorting only."""
    return [override(name, custom_hidden=True) for name in names]


def _mapping(options: Json) -> list[Json]:
    for number, one in enumerate(options.values()):
        one["index"] = number
    return [{"type": "value", "options": options}]
