"""A group bot of DingTalk (钉钉群机器人)."""

import base64
import hashlib
import hmac
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from console.deliver.channel import ALL, BotSettings, Channel, Surroundings
from console.deliver.channels.bot import Bot
from console.deliver.wording import Writer
from ingest.clock import wall_ms

_MOBILE_DIGITS: Final = 11


class DingTalkSettings(BotSettings, frozen=True, kw_only=True, tag="dingtalk"):
    """A DingTalk bot: ``token`` stands behind ``access_token=`` in its address, ``secret`` is that of its signature."""

    token: str
    secret: str = ""
    base_url: str = "https://oapi.dingtalk.com"
    per_minute: int = 18
    """One more than twenty a minute, and DingTalk takes nothing for ten minutes."""

    SECRETS: ClassVar[tuple[str, ...]] = ("token", "secret", "mentions")

    def open(self, writer: Writer, _name: str, _around: Surroundings) -> Channel:
        """Return the bot; see `ChannelSettings.open`."""
        return DingTalk(self, writer)


class DingTalk(Bot):
    """Sends texts; the signature is of the time and the secret, base64 of HMAC-SHA-256."""

    LATER: ClassVar = {-1: 1.0, 130101: 600.0, 130102: 600.0, 410100: 600.0}
    LOGIN = frozenset({300001, 310000, 400013})
    MOST = 16_000

    def __init__(self, settings: DingTalkSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        self._token, self._secret = settings.token, settings.secret

    def url(self) -> str:
        """Return the bot's address, signed for now."""
        asked = {"access_token": self._token}
        if self._secret:
            now = str(wall_ms())
            digest = hmac.new(self._secret.encode(), f"{now}\n{self._secret}".encode(), hashlib.sha256).digest()
            asked |= {"timestamp": now, "sign": base64.b64encode(digest).decode()}
        return f"{self._bot.base_url.rstrip('/')}/robot/send?{urlencode(asked)}"

    def wrapped(self, text: str, named: list[str]) -> dict[str, Any]:
        """Return a text message; whom it calls must also stand in the text."""
        mobiles = [one for one in named if one.isdecimal() and len(one) == _MOBILE_DIGITS]
        users = [one for one in named if one not in {ALL, *mobiles}]
        called = "".join(f" @{one}" for one in (*mobiles, *users))
        at = {"atMobiles": mobiles, "atUserIds": users, "isAtAll": ALL in named}
        return {"msgtype": "text", "text": {"content": text + called}, "at": at}
