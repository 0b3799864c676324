"""The shared codes: numbers that stores hold keep their meaning, and everything that finds something has a kind."""

from ingest import vocabulary
from ingest.vocabulary import ALERT_KINDS, COUNT_ALERTS, SEVERITY_RANK, LevelState
from models.rules import defaults


def test_numbers_in_stores_and_logs_keep_their_meaning():
    assert vocabulary.KIND_NAMES == {0: "count", 1: "gate", 2: "level", 3: "state"}
    assert vocabulary.DIRECTION_NAMES == {0: "in", 1: "out", 2: "unknown"}
    assert vocabulary.PERMIT_VALUES == {1: True, 0: False, -1: None}
    assert vocabulary.STATUS_NAMES == {0: "open", 1: "closed", 2: "revised", 3: "late"}
    assert vocabulary.STATE_NAMES == {0: "normal", 1: "surge", 2: "deficit", 3: "dead", 4: "young"}
    assert [state.name for state in LevelState] == ["NORMAL", "HIGH", "LOW", "STUCK", "YOUNG", "STEP", "DRIFT"]
    assert [int(flag) for flag in vocabulary.Flag] == [1, 2, 4, 8]


def test_every_rule_and_every_state_has_an_alert_kind():
    rules = {rule.kind for rule in defaults._LEVELS.values()} | {rule.kind for rule in defaults._STATES.values()}
    assert rules <= ALERT_KINDS.keys()
    assert not any(ALERT_KINDS[kind].by_model for kind in rules)
    assert all(ALERT_KINDS[kind].by_model for kind in COUNT_ALERTS.values())
    assert {kind.severity for kind in ALERT_KINDS.values()} == SEVERITY_RANK.keys()
