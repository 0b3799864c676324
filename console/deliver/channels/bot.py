"""What the bots of chat programs have in common: JSON goes in, and a code in the answer says what came of it.

They answer HTTP 200 also when they refuse, so the status alone says nothing: only the code 0 is an acceptance.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from console.deliver.channel import BotSettings, ChannelRefusedError, LaterError
from console.deliver.http_post import post, shown
from console.deliver.orders import Message
from console.deliver.wording import Text, Writer, mentions

_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}


class Bot:
    """A chat group's bot. Subclasses say where it is, how a text is wrapped, and what its codes mean."""

    LATER: ClassVar[Mapping[int, float]] = {}
    """Codes that pass → after how many seconds it is worth another attempt."""
    LOGIN: ClassVar[frozenset[int]] = frozenset()
    """Codes that say that the key, the signature or the sender's address is wrong."""
    CODES: ClassVar[tuple[str, ...]] = ("errcode",)
    """Names under which the answer has the code."""
    MOST: ClassVar[int] = 2048
    """Bytes of UTF-8 that a text may have."""

    def __init__(self, settings: BotSettings, writer: Writer) -> None:
        self._bot, self._writer = settings, writer

    def url(self) -> str:
        """Return where to post to, signed where the bot asks for it."""
        raise NotImplementedError

    def wrapped(self, text: str, named: list[str]) -> dict[str, Any]:
        """Return the message as the bot takes it, with the people it calls."""
        raise NotImplementedError

    def send(self, message: Message) -> str:
        """Send a message; see `console.deliver.channel.Channel.send`."""
        return self._say(self._writer.text(message), mentions(message.to, self._bot.mentions))

    def check(self, text: str) -> str:
        """Send a test; it calls nobody by name."""
        return self._say(self._writer.test(text), [])

    def close(self) -> None:
        """Do nothing: every message has a connection of its own."""

    def _say(self, text: Text, named: list[str]) -> str:
        body = json.dumps(self.wrapped(text.fitting(self.MOST), named), ensure_ascii=False).encode()
        answer = post(self.url(), body, _JSON, timeout_s=self._bot.timeout_s)
        try:
            found = json.loads(answer.body)
            code = next((found[name] for name in self.CODES if name in found), None)
        except (ValueError, TypeError):
            found, code = {}, None
        if not isinstance(code, int):
            raise LaterError("unclear", f"HTTP {answer.status}, and no code in its answer")
        if code == 0:
            return "0"
        said = shown(f"{code}: {found.get('errmsg') or found.get('msg') or ''}")
        if code in self.LATER:
            raise LaterError("busy", said, self.LATER[code])
        raise ChannelRefusedError("login" if code in self.LOGIN else "refused", said)
