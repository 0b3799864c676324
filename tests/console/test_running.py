"""A site's processes: what ends by itself is started again and told; two never run the same site."""

from __future__ import annotations

import sys

import pytest

from console.cli.commands.status import print_ended
from console.common import SUPERVISED, FoundSite
from console.errors import CommandError
from console.running import refuse_running, run_site
from deploy.node.lock import site_lock
from deploy.processes import supervisor
from deploy.settings import Settings, with_values
from stream.sentences.catalogue import Sentences
from tests.support import wait_for


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_FIRST_S", 0.001)
    monkeypatch.setattr(supervisor, "_LONGEST_S", 0.01)
    return with_values(Settings(), data={"dir": tmp_path}, site={"id": "s1"})


@pytest.mark.parametrize(("language", "loops"), [("en", "ENDS AGAIN AND AGAIN (5 times)"), ("zh-CN", "反复退出")])
def test_what_ends_again_and_again_is_told_once_with_its_words_and_stands_in_the_status(
    settings, capsys, language, loops
):
    texts, site = Sentences(language), FoundSite("s1", settings.site_dir)
    with run_site(settings, texts) as running:
        crashing = [sys.executable, "-S", "-c", "raise SystemExit('no more paper')"]
        running.supervisor.start("deliver", crashing)
        assert site.ended_parts() == {}

        def often():
            running._mend()
            return site.ended_parts().get("deliver", {}).get("times", 0) > 5

        wait_for(often, "six ends")
        print_ended(site.ended_parts(), texts)
    assert site.ended_parts() == {}, "nobody starts it again any more"
    said = capsys.readouterr().out
    assert said.count("no more paper") == 2
    assert loops in said
    ended = {"en": "deliver ended with exit code 1", "zh-CN": "deliver 以退出码 1 结束"}[language]
    assert ended in said.splitlines()[-1]


def test_a_part_whose_settings_cannot_be_used_ends_the_site_with_the_code_that_says_so(settings):
    def run():
        with run_site(settings, Sentences("en")) as running:
            running.supervisor.start("node", [sys.executable, "-S", "-c", "raise SystemExit(2)"])
            running.until_stopped(60)

    with pytest.raises(CommandError, match="node ended with exit code 2") as error:
        run()
    assert error.value.code == 2


@pytest.mark.parametrize("part", ["node", SUPERVISED])
def test_a_site_that_runs_is_not_run_again_not_even_while_its_node_is_being_started(settings, part):
    refuse_running(settings)
    with site_lock(settings.site_dir, part), pytest.raises(CommandError, match="running already"):
        refuse_running(settings)
