"""Every word of the page exists in both languages, and every colour can be read."""

import re
from typing import get_args

import pytest

from console.board.app import STATIC_DIR
from console.board.freshness import FreshnessState
from ingest.places import DEVICE_TYPES
from ingest.vocabulary import Reason
from stream.sentences.catalogue import page_texts
from stream.sentences.languages import LANGUAGES

TABLES = {
    language: {
        key: text if isinstance(text, str) else text["other"] for key, text in page_texts(language, "board-").items()
    }
    for language in LANGUAGES
}
JS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((STATIC_DIR / "js").glob("*.js")))
HTML = "\n".join(path.read_text(encoding="utf-8") for path in sorted(STATIC_DIR.glob("*.html")))
CSS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((STATIC_DIR / "css").glob("*.css")))
PY = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC_DIR.parent / "board").glob("*.py"))

LITERAL = set(re.findall(r'\bt\(\s*"([a-z_-]+)"', JS)) | set(re.findall(r'data-i18n(?:-label)?="([^"]+)"', HTML))
LITERAL |= set(re.findall(r'\? "([a-z_]+-[a-z_]+)" : ', JS)) | set(re.findall(r': "([a-z_]+-[a-z_]+)"\)', JS))
LITERAL |= set(re.findall(r'(?:row|figure)\("([a-z_-]+)"', JS)) | set(re.findall(r'"(map-(?:in|out|home))"', JS))
LITERAL |= {f"error-{key}" for key in re.findall(r'ApiError\(\d+, "([a-z_]+)"', PY)}
PREFIXES = set(re.findall(r'\bword\(\s*"([a-z-]+)"', JS)) | set(re.findall(r"\bt\([^)]*?`([a-z_-]+)\$\{", JS))


def test_both_languages_have_the_same_keys_and_placeholders():
    english, chinese = TABLES["en"], TABLES["zh-CN"]
    assert english.keys() == chinese.keys()
    for key in english:
        found = [sorted(re.findall(r"(?<!\{)\{(\w+)\}", table[key])) for table in (english, chinese)]
        assert found[0] == found[1], key
        assert english[key].strip(), key
        assert chinese[key].strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_is_used_exists(language):
    assert len(LITERAL) > 80
    assert LITERAL - TABLES[language].keys() == set()


def test_no_text_is_left_over():
    built = tuple(prefix if prefix.endswith(("-", "_")) else f"{prefix}-" for prefix in PREFIXES)
    left = {key for key in TABLES["en"] if key not in LITERAL and not key.startswith(built)}
    assert left - {key for key in left if key.startswith("error-")} == set()


def test_what_the_node_says_has_words():
    for table in TABLES.values():
        assert all(f"type-{kind}" in table for kind in DEVICE_TYPES)
        assert all(f"quarantine-{reason}" in table for reason in Reason)
        assert all(f"link-{state}" in table for state in get_args(FreshnessState) if state != "live")
        assert all(f"stale-{state}" in table for state in get_args(FreshnessState) if state != "live")


def test_no_markup_is_ever_made_from_text():
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in JS
    assert not re.search(r"<(script|style)[^>]*>[^<]", HTML)
    assert not re.search(r"\s(on\w+|style)=", HTML)
    assert not re.search(r"https?://(?!www\.w3\.org)", JS + HTML + CSS)


def test_browsers_of_2021_know_all_that_the_pages_use():
    """Computers of stations are old: Chromium 90."""
    later = r"\.at\(|findLast|toSorted|toReversed|structuredClone|hasOwn\(|groupBy|checkVisibility|Array\.fromAsync"
    assert re.findall(later, JS) == []
    for block in re.findall(r"\{[^{}]*\d[ds]vh[^{}]*\}", CSS):
        assert re.search(r"(\S+?: ?\d+)vh; *\1dvh", block), f"a height for those that know no dvh: {block}"
    assert not re.search(r"color-mix|@container|@layer|oklch|:has\([^)]*\)[^{]*,", CSS)


(LIGHT,) = re.findall(r":root\[data-theme=\"light\"\] \{.*?\}", CSS, re.DOTALL)
COLOURS = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", CSS.replace(LIGHT, "")))
IN_THE_SUN = COLOURS | dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", LIGHT))
PAIRS = [
    *[("text", ground) for ground in ("ground", "panel", "raised", "raised-2", "critical-ground", "warning-ground")],
    *[("soft", ground) for ground in ("ground", "panel", "raised", "raised-2", "critical-ground", "warning-ground")],
    *[("accent", ground) for ground in ("panel", "critical-ground", "warning-ground")],
    *[("critical", ground) for ground in ("critical-ground", "panel")],
    *[("warning", ground) for ground in ("warning-ground", "panel")],
    *[("good", ground) for ground in ("panel", "critical-ground")],
    ("hot", "ground"),
    ("info", "raised"),
]


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text, ground):
    """WCAG 2.2, success criterion 1.4.3 (AA)."""
    assert contrast(COLOURS[text], COLOURS[ground]) >= 4.5
    assert contrast(IN_THE_SUN[text], IN_THE_SUN[ground]) >= (7 if text in {"text", "soft"} else 4.5)


def test_white_can_be_read_on_buttons_and_banners():
    assert contrast("#ffffff", COLOURS["critical-solid"]) >= 4.5
    assert contrast("#ffffff", "#1e6fb8") >= 4.5
