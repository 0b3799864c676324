"""Random histories of the message box: whatever happens, in whatever order, nobody who should be told is forgotten."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from console.deliver.message_box import MessageBox
from console.deliver.orders import Message, Order
from console.deliver.outbox_file import FILE
from console.deliver.receipts import Receipts
from tests.stream.make_results import T0
from tests.stream.make_results import alert as make_alert
from tests.support import examples

CHANNELS = {"chat": "mail", "mail": "", "cap": ""}
ORDERS = [Order("chat"), Order("cap", follows=True)]
NAMES = st.sampled_from(["a", "b"])


class Histories(RuleBasedStateMachine):
    """Two alerts, three channels: changes, attempts that end in every way, handing on, reminders, restarts."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.box, self.now = MessageBox(self.folder / FILE), 0
        self.revisions: dict[str, int] = {}
        self.state: dict[str, str] = {}
        self.called: dict[str, int] = {}
        self.flying: dict[str, Message] = {}

    def teardown(self) -> None:
        self.box.close()
        shutil.rmtree(self.folder)

    @rule(name=NAMES, state=st.sampled_from(["raised", "raised", "acknowledged", "cleared"]), quiet=st.booleans())
    def changes(self, name: str, state: str, quiet: bool) -> None:
        self.now += 1
        revision = self.revisions[name] = self.revisions.get(name, 0) + 1
        heard = T0 + revision * 1000 - (1 if quiet and revision > 1 else 0)
        self.box.take(make_alert(name, revision, state=state, heard_ms=heard), ORDERS, self.now)
        self.state[name] = state
        if state == "raised" and not (quiet and revision > 1):
            self.called[name] = revision
        elif state != "raised":
            self.called.pop(name, None)

    @rule(channel=st.sampled_from(sorted(CHANNELS)))
    def begins(self, channel: str) -> None:
        message = self.box.next(channel, self.now)
        if message is not None:
            self.flying[channel] = message

    @rule(channel=st.sampled_from(sorted(CHANNELS)), how=st.sampled_from(["accepted", "later", "refused"]))
    def ends(self, channel: str, how: str) -> None:
        message = self.flying.pop(channel, None)
        if message is None:
            return
        self.now += 1
        if how == "accepted":
            self.box.accepted(message, self.now)
        else:
            self.box.not_accepted(message, self.now, self.now + 3, "error", refused=how == "refused")

    @rule(channel=st.sampled_from(sorted(CHANNELS)), how=st.sampled_from(["accepted", "later", "refused"]))
    def attempts(self, channel: str, how: str) -> None:
        self.begins(channel)
        self.ends(channel, how)

    @rule(passes=st.integers(1, 50))
    def time_passes(self, passes: int) -> None:
        self.now += passes
        self.box.hand_on(lambda name, _: [Order(CHANNELS[name])] if CHANNELS[name] else [], 20, self.now)

    @rule()
    def reminds(self) -> None:
        for called in self.box.called():
            self.box.call_again(called._replace(reminded=called.reminded + 1), [Order("chat")], "reminder", self.now)

    @rule()
    def restarts(self) -> None:
        self.flying.clear()
        self.box.close()
        self.box = MessageBox(self.folder / FILE)

    @rule()
    def has_no_disk_for_a_while(self) -> None:
        self.box.to_memory(sqlite3.OperationalError("disk I/O error"))
        self.box.to_disk()

    @invariant()
    def nobody_is_forgotten(self) -> None:
        for name, revision in getattr(self, "called", {}).items():
            found = [one for one in Receipts(self.folder).of(name) if one.revision >= revision]
            told = {one.channel for one in found if one.state in {"accepted", "waiting", "failed"}}
            assert told & {"chat", "mail"}, f"{name}/{revision}: nobody: {found}"
            assert "cap" in told, f"{name}/{revision}: CAP is forgotten: {found}"

    @invariant()
    def who_has_taken_it_up_is_left_alone(self) -> None:
        for name, state in getattr(self, "state", {}).items():
            if state != "raised":
                waiting = [one for one in Receipts(self.folder).of(name) if one.state in {"waiting", "failed"}]
                assert all(one.channel == "cap" for one in waiting), f"{name}: {waiting}"


Histories.TestCase.settings = settings(max_examples=examples(15), stateful_step_count=25, deadline=None)
TestHistories = Histories.TestCase
