"""What ``patrolgrid status`` says of the beats' model."""

import pytest

from console.cli.commands.status import _print_training
from stream.sentences.catalogue import Sentences

NEVER = {"state": "waiting", "detail": "", "trained_ms": 0}
TRAINED = {"state": "trained", "detail": "", "trained_ms": 5, "rows": 24_000, "beats": 6}


@pytest.mark.parametrize(
    ("training", "language", "said"),
    [
        (None, "en", ""),
        ({"state": "off", "detail": "", "trained_ms": 0}, "en", ""),
        (NEVER, "en", "no model yet (history is gathered)"),
        ({**NEVER, "detail": "3 days, expected 14"}, "en", "no model yet (3 days, expected 14)"),
        (TRAINED, "en", "trained T5 on 24,000 windows of 6 beats"),
        (TRAINED, "zh-CN", "使用T5训练的模型，依据6个网格的24,000个时间窗"),
        ({**TRAINED, "state": "failed", "detail": "disk full\x1b[31m"}, "en", "training failed, nothing else"),
    ],
)
def test_one_line_or_two(training, language, said, capsys):
    _print_training(training, Sentences(language), lambda ms: f"T{ms}")
    out = capsys.readouterr().out
    assert said in out
    assert bool(out) == bool(said)
    assert "\x1b" not in out
