"""The codec that docs/devices.md writes step by step, with its test, and the bindings that it shows."""

import re
import runpy
import sys
import tomllib

import msgspec
import pytest

from ingest.codecs import vendors
from ingest.codecs.bindings import Binding, Bindings
from tests.documented import PAGES


def blocks(language, kind):
    return re.findall(rf"^```{kind}\n(.+?)\n```$", PAGES[language].read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", PAGES)
def test_the_page_s_codec_passes_its_test(language, monkeypatch, tmp_path):
    codec, test = blocks(language, "python")
    (tmp_path / "riverbank.py").write_text(codec)
    (tmp_path / "test_riverbank.py").write_text(test)
    monkeypatch.setattr(vendors, "__path__", [*vendors.__path__, str(tmp_path)])
    monkeypatch.setitem(vendors._CLASSES, "riverbank", "Riverbank")
    try:
        runpy.run_path(str(tmp_path / "test_riverbank.py"))["test_a_gauge"]()
    finally:
        sys.modules.pop("ingest.codecs.vendors.riverbank", None)


@pytest.mark.parametrize("language", PAGES)
def test_the_page_s_bindings_are_bindings(language):
    (shown,) = blocks(language, "toml")
    bindings = msgspec.convert(tomllib.loads(shown)["bindings"], list[Binding])
    assert Bindings(bindings, codecs=vendors.NAMES).devices() == {"stair-door-3", "door-17", "gate-9"}


def test_the_page_names_every_key_of_a_binding():
    for language, path in PAGES.items():
        text = path.read_text("utf-8")
        missing = [name for name in Binding.__struct_fields__ if f"`{name}`" not in text]
        assert not missing, language
