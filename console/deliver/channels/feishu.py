"""A group bot of Feishu (飞书群机器人), and of Lark."""

import base64
import hashlib
import hmac
from typing import Any, ClassVar
from urllib.parse import quote

from console.deliver.channel import ALL, BotSettings, Channel, Surroundings
from console.deliver.channels.bot import Bot
from console.deliver.wording import Writer
from ingest.clock import wall_ms


class FeishuSettings(BotSettings, frozen=True, kw_only=True, tag="feishu"):
    """A Feishu bot: ``token`` is the last part of its address, ``secret`` that of its signature."""

    token: str
    secret: str = ""
    base_url: str = "https://open.feishu.cn"

    SECRETS: ClassVar[tuple[str, ...]] = ("token", "secret", "mentions")

    def open(self, writer: Writer, _name: str, _around: Surroundings) -> Channel:
        """Return the bot; see `ChannelSettings.open`."""
        return Feishu(self, writer)


class Feishu(Bot):
    """Sends texts of at most 20 kB with all that is around them; the signature's key is the time and the secret."""

    LATER: ClassVar = {11232: 60.0}
    LOGIN = frozenset({19001, 19021, 19022, 19024})
    CODES = ("code", "StatusCode")
    MOST = 8_000

    def __init__(self, settings: FeishuSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        self._token, self._secret = settings.token, settings.secret

    def url(self) -> str:
        """Return the bot's address."""
        return f"{self._bot.base_url.rstrip('/')}/open-apis/bot/v2/hook/{quote(self._token, safe='')}"

    def wrapped(self, text: str, named: list[str]) -> dict[str, Any]:
        """Return a text message, signed for now, with whom it calls as tags in its text."""
        safe = text.replace("<", "＜").replace(">", "＞")  # nothing in it may become a tag
        tags = "".join(f' <at user_id="{"all" if one == ALL else quote(one, safe="")}"></at>' for one in named)
        message: dict[str, Any] = {"msg_type": "text", "content": {"text": safe + tags}}
        if self._secret:
            now = str(wall_ms() // 1000)
            digest = hmac.new(f"{now}\n{self._secret}".encode(), b"", hashlib.sha256).digest()
            message |= {"timestamp": now, "sign": base64.b64encode(digest).decode()}
        return message
