"""What time it is at a site: what its gateways' clocks show, without their steps.

A node's clock can be wrong: it boots without a battery and is hours slow, a GPS receiver puts it years ahead for four
seconds, somebody sets it by hand. Nothing may end, expire, fall silent or be deleted because of that. So a shard does
not take the time of a record as it is. Time goes on by what passes between records; a step is followed only where
somebody else says the same:

* a gap of up to an hour ahead is an absence: the node was away. It is believed, but nobody was listened to meanwhile;
* any other step is believed when the devices' own clocks agree with it rather than with the site's time, the majority
  of those heard since; or, where no device says anything else, when the clock has gone on without a further step for
  long. Until then the site's time goes on from where it was, and the gateway's clock counts as so much off.

Gateways of one site whose clocks differ are thus kept apart by how far each is off.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, value

AGREES_MS: Final = 120_000
"""Two clocks that differ by no more tell the same time."""
SLACK_MS: Final = 30_000
"""A clock that falls back by no more is being adjusted: the site's time waits for it."""
_LEAST_GAP_MS: Final = 15_000
_GAPS: Final = 10
"""A record that comes so many times later than usual, and later than the least gap, shows that nobody listened."""
_AWAY_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_SOON_MS: Final = 600_000
_LONG_MS: Final = 6 * 3_600_000
"""How long a stepped clock must go on evenly to be believed without a device: soon for less than a day ahead."""
_BACKLOG_MS: Final = 3_600_000
"""The backlog of an absence is read after so long at the latest."""
_SHORT_MS: Final = 180_000
"""An absence so short ends nothing that goes by time, so that timers need not rest after it."""
_REST_MS: Final = 10_000
"""Timers rest until a stepped clock has gone on for so long: one that is wrong for four seconds ends nothing."""
_GRACE_MS: Final = 180_000
"""A backlog is told from a step by words that come after so long: it has been read by then."""
_TOLD_MS: Final = 300_000
_MOST_CLOCKS: Final = 8
_YES, _NO, _NEITHER, _NO_ABSENCE = 1, -1, 0, -2
_RHYTHM: Final = 3
"""So many wide gaps in a row are the usual gap from then on."""
_NO_TIME: Final = -(2**62)


class Votes(NamedTuple):
    """What the devices' clocks say; all of shape (n,)."""

    device: NDArray[np.int64]
    newest: NDArray[np.int64]
    """Newest event time of each in a record, epoch ms."""
    behind: NDArray[np.int64]
    """How far each is known to be behind the site's time, milliseconds; 0 where that is not much, or not known."""


_NOBODY: Final = Votes(*(np.zeros(0, dtype=np.int64) for _ in Votes._fields))


class SiteTime(Saved):
    """The time of a shard. Read it for every record, in order; `now_ms` goes back only where `read` says so."""

    now_ms = value(int, _NO_TIME)
    """Site's time, epoch ms."""
    offset_ms = value(int)
    """How far the clock of the newest record's gateway is ahead of the site's time."""
    listened_ms = value(int)
    """How long a gateway with a connection to its broker has listened; what silence is measured in."""
    sure = value(bool)
    """Whether the devices, or a long time without a step, have confirmed the clock."""
    resting = value(bool)
    """Whether a step or an absence is so recent that nothing may be concluded from time that has passed."""
    even_ms = value(int)
    """`listened_ms` at the last step or absence, or when the backlog of an absence was read."""
    _back_ms = value(int)
    """`listened_ms` at the last step or absence."""
    _since_ms = value(int)
    """Site's time of the last step or absence."""
    _skipped_ms = value(int)
    """How long the last absence was; 0 where the devices have confirmed that it was one."""
    _proven = value(bool)
    """Whether devices have ever confirmed the site's time: then what is known of their clocks counts."""
    _clocks = value(dict[int, int])
    """How far clocks in use are ahead of the site's time → when such a one was read last, in the site's time."""
    _heard_ms = value(int, _NO_TIME)
    """Site's time of the newest record by a gateway with a connection."""
    _usual_ms = value(float)
    """Usual gap between records."""
    _wide = value(int)
    """Wide gaps since there was time without one."""
    _narrow_ms = value(int)
    """Time without a wide gap since the last one."""
    _votes = value(dict[int, int])
    """Device → what its newest word says of the gateway's clock: `_YES`, `_NO`, `_NEITHER`, `_NO_ABSENCE`."""
    _voted_on = value(int)
    """Which of the clocks they are about."""

    def read(
        self,
        shown_ms: int,
        *,
        span_ms: int = 0,
        widest_ms: int = 0,
        away: bool = False,
        votes: Callable[[], Votes] | None = None,
    ) -> bool:
        """Take the time that a record shows; return whether the site's time was put back.

        Parameters
        ----------
        shown_ms
            Its received time, epoch ms.
        span_ms, widest_ms
            How long it took to receive its observations, and the widest gap between two of them.
        away
            Whether the gateway says that it has no connection to its broker.
        votes
            Asked where there is a doubt.
        """
        before_ms, first_ms = self.now_ms, shown_ms - span_ms
        if before_ms == _NO_TIME:
            self._believe(first_ms)
        elif not self._goes_on(first_ms):
            self._stepped(first_ms)
        if not away:
            gap_ms = self.now_ms - self._heard_ms
            if gap_ms > self.limit_ms:
                self.even_ms = self._back_ms = self.listened_ms
            elif gap_ms > 0:
                self.listened_ms += gap_ms
        if span_ms > 0:
            self._pass(span_ms, widest_ms)
        if not away:
            self._heard_ms = self.now_ms
        self._clocks[self.offset_ms] = self.now_ms
        if not self.sure:
            self._ask(shown_ms, _NOBODY if votes is None else votes())
        if self.resting and (self.sure or self.now_ms - self._since_ms >= _REST_MS):
            self.resting = False
        return self.now_ms < before_ms

    def catching_up(self) -> None:
        """Note that most of what a record holds is old: after an absence, the backlog is still being read."""
        if self.listened_ms - self._back_ms <= _BACKLOG_MS:
            self.even_ms = self.listened_ms

    @property
    def limit_ms(self) -> float:
        """Return the gap, ms, from which nobody can have listened; it follows the usual ones."""
        return max(_LEAST_GAP_MS, _GAPS * self._usual_ms)

    def _goes_on(self, shown_ms: int) -> bool:
        """Go on by a clock that is known; tell whether there is one that shows a time to be expected."""
        for offset_ms in sorted(self._clocks, key=abs):
            gap_ms = shown_ms - offset_ms - self.now_ms
            if -SLACK_MS <= gap_ms <= self.limit_ms:
                self.offset_ms = offset_ms
                self.now_ms += max(gap_ms, 0)
                self._learn(max(gap_ms, 0))
                # A clock that is off is none of several any more where it is the only one left.
                if offset_ms and self._alone():
                    self.sure = False
                return True
        return False

    def _stepped(self, shown_ms: int) -> None:
        """Note an absence, or a step that is not believed yet."""
        self.sure, self.even_ms, self._back_ms = False, self.listened_ms, self.listened_ms
        for offset_ms in sorted(self._clocks, key=abs):
            gap_ms = shown_ms - offset_ms - self.now_ms
            if 0 < gap_ms <= _AWAY_MS:
                self.offset_ms = offset_ms
                self.now_ms += gap_ms
                self._heard_ms = self.now_ms
                self._skipped_ms = gap_ms
                self._rhythm(gap_ms)
                if gap_ms > _SHORT_MS:
                    self.resting, self._since_ms = True, self.now_ms
                return
        self.resting = True
        self.now_ms += round(min(self._usual_ms, _LEAST_GAP_MS))
        self._since_ms = self.now_ms
        self.offset_ms = shown_ms - self.now_ms
        self._clocks[self.offset_ms] = self.now_ms
        if len(self._clocks) > _MOST_CLOCKS:
            del self._clocks[min(filter(None, self._clocks), key=lambda one: self._clocks[one])]

    def _believe(self, shown_ms: int) -> None:
        """Take the time shown for the site's."""
        self.resting = self.now_ms != _NO_TIME
        self.now_ms, self.offset_ms = shown_ms, 0
        self._clocks, self._votes, self._skipped_ms = {0: shown_ms}, {}, 0
        self._heard_ms = self._since_ms = shown_ms
        self.even_ms = self._back_ms = self.listened_ms

    def _alone(self) -> bool:
        """Tell whether no other clock has been read lately."""
        return all(
            at <= self.now_ms - _SOON_MS for offset_ms, at in self._clocks.items() if offset_ms != self.offset_ms
        )

    def _pass(self, span_ms: int, widest_ms: int) -> None:
        """Let the time pass in which the observations of one record came."""
        if widest_ms <= self.limit_ms:
            self.listened_ms += span_ms
            self._learn(widest_ms)
        else:
            self._rhythm(widest_ms)
        self.now_ms += span_ms

    def _learn(self, gap_ms: int) -> None:
        """Learn the usual gap, an average over time."""
        self._usual_ms += (gap_ms - self._usual_ms) * min(gap_ms / (8 * max(self._usual_ms, 1_000.0)), 0.25)
        self._narrow_ms += gap_ms
        if self._narrow_ms > 4 * self.limit_ms:
            self._wide = 0

    def _rhythm(self, gap_ms: int) -> None:
        """Take wide gaps for the usual ones where nothing else comes: a replay of hourly counts."""
        self._wide += 1
        self._narrow_ms = 0
        if self._wide >= _RHYTHM:
            self._wide, self._usual_ms = 0, float(gap_ms)

    def _ask(self, shown_ms: int, votes: Votes) -> None:
        """Ask the devices' clocks, and time, whether the gateway's clock is right."""
        if self._voted_on != self.offset_ms:
            self._voted_on, self._votes = self.offset_ms, {}
        said = votes.newest + votes.behind if self._proven else votes.newest
        by_gateway, by_site = np.abs(said - shown_ms), np.abs(said - self.now_ms)
        told = by_gateway <= AGREES_MS
        denied = ~told
        if self.offset_ms:
            told &= by_gateway < by_site
            denied = (by_site <= AGREES_MS) & ~told
            # Words that were said after the time that the site has come to: time did pass, nobody was here.
            told |= (said > self.now_ms + AGREES_MS) & (said <= shown_ms + AGREES_MS)
        word = np.where(told, _YES, np.where(denied, _NO, _NEITHER))
        if self._skipped_ms:
            # Until the backlog of an absence has been read, words that waited for the node look just like that.
            read = self.listened_ms - self._back_ms >= _GRACE_MS
            word[denied & (np.abs(by_site - self._skipped_ms) <= AGREES_MS)] = _NO_ABSENCE if read else _NEITHER
        self._votes |= dict(zip(votes.device.tolist(), word.tolist(), strict=True))
        if self._most(_NO_ABSENCE):
            self._undo(shown_ms)
            return
        proven = self._most(_YES)
        if not proven:
            soon = 0 < self.offset_ms <= _DAY_MS
            long = self.listened_ms - self._back_ms >= (_SOON_MS if soon else _LONG_MS)
            if self._most(_NO) or not long or not self._alone():
                return
        if self.offset_ms:
            if self.offset_ms > 0:
                self._rhythm(self.offset_ms)
            self._believe(shown_ms)
        self.sure, self._proven, self._skipped_ms = True, self._proven or proven, 0

    def _most(self, word: int) -> bool:
        """Tell whether most devices heard since the last step say so; that there was no absence is a no, too."""
        votes = list(self._votes.values())
        return 2 * (votes.count(word) + (word == _NO) * votes.count(_NO_ABSENCE)) > len(votes)

    def _undo(self, shown_ms: int) -> None:
        """Go back over an absence: the devices have gone on as if there had been none, so the clock had stepped."""
        skipped_ms, offset_ms = self._skipped_ms, self.offset_ms
        self._believe(shown_ms - offset_ms - skipped_ms)
        self.offset_ms = offset_ms + skipped_ms
        self._clocks = {0: self.now_ms - 2 * _SOON_MS, self.offset_ms: self.now_ms}

    def contradicted(self) -> tuple[int, int]:
        """Return how many devices contradict the gateway's clock, of how many; (0, 0) where it is not known to be off.

        It is known some minutes after a step that most devices do not follow.
        """
        off = abs(self.offset_ms) > AGREES_MS and not self.sure and self.listened_ms - self._back_ms >= _TOLD_MS
        if not off or not self._most(_NO):
            return 0, 0
        return sum(vote in {_NO, _NO_ABSENCE} for vote in self._votes.values()), len(self._votes)

    @property
    def steady(self) -> bool:
        """Whether devices' clocks can be measured by the site's time: it is sure, or the best that there has been."""
        return self.sure or not self._proven or (self.offset_ms != 0 and self._most(_NO))
