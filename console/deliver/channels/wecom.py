"""A group bot of WeCom (企业微信群机器人)."""

from typing import Any, ClassVar, Final
from urllib.parse import quote

from console.deliver.channel import BotSettings, Channel, Surroundings
from console.deliver.channels.bot import Bot
from console.deliver.wording import Writer

_MOBILE_DIGITS: Final = 11


class WeComSettings(BotSettings, frozen=True, kw_only=True, tag="wecom"):
    """A WeCom bot: ``key`` is what stands behind ``key=`` in its address."""

    key: str
    base_url: str = "https://qyapi.weixin.qq.com"

    SECRETS: ClassVar[tuple[str, ...]] = ("key", "mentions")

    def open(self, writer: Writer, _name: str, _around: Surroundings) -> Channel:
        """Return the bot; see `ChannelSettings.open`."""
        return WeCom(self, writer)


class WeCom(Bot):
    """Sends texts of at most 2,048 bytes; twenty a minute are allowed."""

    LATER: ClassVar = {-1: 1.0, 45009: 60.0, 45033: 5.0}
    LOGIN = frozenset({40001, 40013, 40014, 93000})
    MOST = 2048

    def __init__(self, settings: WeComSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        self._key = settings.key

    def url(self) -> str:
        """Return the bot's address."""
        return f"{self._bot.base_url.rstrip('/')}/cgi-bin/webhook/send?key={quote(self._key, safe='')}"

    def wrapped(self, text: str, named: list[str]) -> dict[str, Any]:
        """Return a text message; a number calls by phone, everything else by user id."""
        mobiles = [one for one in named if one.isdecimal() and len(one) == _MOBILE_DIGITS]
        users = [one for one in named if one not in mobiles]
        return {
            "msgtype": "text",
            "text": {"content": text, "mentioned_list": users, "mentioned_mobile_list": mobiles},
        }
