"""What brings a package that is missing: the command that works here, by this Python and from this folder."""

import sys
from pathlib import Path

import pytest

from ingest.setup import extras

ROOT = Path(__file__).parents[2]


def test_in_the_folder_it_is_short_and_elsewhere_it_has_whole_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(ROOT / ".venv" / "bin" / "python"))
    monkeypatch.chdir(ROOT)
    assert extras.install("influx") == ".venv/bin/python -m pip install -c constraints.txt -e '.[influx]'"
    monkeypatch.chdir(tmp_path)
    elsewhere = extras.install("influx", "kafka")
    assert elsewhere == (f"{ROOT}/.venv/bin/python -m pip install -c {ROOT}/constraints.txt -e '{ROOT}[influx,kafka]'")


def test_what_was_installed_without_its_sources_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "_ROOT", tmp_path)
    assert extras.install("seal").endswith(" -m pip install 'patrolgrid[seal]'")


def test_the_error_names_the_package_and_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(extras.MissingExtraError, match=r"^this needs the package segno; .*\[console\]'$"):
        extras.load("segno")
