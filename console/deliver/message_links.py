"""MessageLinks in messages: to the alert on the board, personal where one person alone reads the message."""

import logging
from collections import OrderedDict
from typing import Final

from console.deliver.orders import Message
from console.people.people import People, PeopleError
from ingest.sqlite import StorageError

_LOG: Final = logging.getLogger(__name__)
_VALID_S: Final = 12 * 3_600
_KEPT: Final = 1_000
REPORT_PAGE: Final = "/report"
"""The board's page of a week's report; it opens the newest that is over."""


class MessageLinks:
    """Makes the links of messages.

    A personal link opens one alert, for half a day, and its page has a button that takes the alert up: whoever opens
    it (chat programs do so by themselves) changes nothing. It stands for the person, so it goes inside only, and only
    where nobody else reads the message; all others get the board's address, which asks for a sign-in.
    """

    def __init__(self, board_url: str, people: People) -> None:
        self._url, self._people = board_url.rstrip("/"), people
        self._made: OrderedDict[tuple[str, str], str] = OrderedDict()

    def of(self, message: Message, *, outside: bool, group: bool) -> str:
        """Return a message's link; empty where nobody has said how phones reach the board."""
        if self._url and message.act == "week":
            return f"{self._url}{REPORT_PAGE}"
        if not self._url or outside or group or len(message.persons) != 1:
            return self._url and f"{self._url}/"
        key = message.persons[0], message.alert.id
        if key not in self._made:  # once, however often the message is tried
            try:
                self._made[key] = self._people.link(key[0], "alert", _VALID_S, key[1], by="deliver")
            except (PeopleError, StorageError) as error:
                _LOG.warning("no link for a message: %s", error)
                return f"{self._url}/"
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return f"{self._url}/go#{self._made[key]}"
