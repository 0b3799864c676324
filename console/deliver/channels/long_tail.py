"""Whatever apprise knows: ntfy, SMS gateways, and a hundred services more.

apprise looks at the HTTP status only and tells yes or no; so what it calls a success is what the service's status says.
For WeCom, DingTalk, Feishu, mail and webhooks there are adapters here that look closer.
"""

import re
from typing import Annotated, Any, ClassVar, Final

import msgspec

from console.deliver.channel import Channel, ChannelRefusedError, ChannelSettings, LaterError, Surroundings
from console.deliver.orders import Message
from console.deliver.wording import Text, Writer
from ingest.setup.extras import load

_OURS: Final = ("wecombot", "dingtalk", "feishu", "lark", "mailto", "mailtos", "json", "jsons")
_CODE: Final = re.compile(r"error[= ](\d{3})")


class AppriseSettings(ChannelSettings, frozen=True, kw_only=True, tag="apprise"):
    """One address as apprise writes it, such as ntfys://HOST/TOPIC."""

    url: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,40}://")]
    per_minute: int = 30

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    def mistake(self) -> str:
        """Return what cannot be meant; see `ChannelSettings.mistake`."""
        scheme = self.url.partition("://")[0]
        if scheme in _OURS:
            return f"url is {scheme}://, whose refusals apprise does not see; expected a channel of its own kind for it"
        return ""

    def open(self, writer: Writer, _name: str, _around: Surroundings) -> Channel:
        """Return the channel; see `ChannelSettings.open`."""
        return LongTail(self, writer)


class LongTail:
    """Sends through one service of apprise; without its pauses: the worker keeps the rate. Raises ValueError."""

    def __init__(self, settings: AppriseSettings, writer: Writer) -> None:
        self._writer = writer
        apprise = load("apprise")
        self._logs, self._plain = apprise.LogCapture, apprise.NotifyFormat.TEXT
        service: Any = apprise.Apprise.instantiate(settings.url)
        if service is None:
            raise ValueError("url is none that apprise knows; expected one such as ntfys://HOST/TOPIC")
        service.request_rate_per_sec = 0.0
        service.socket_connect_timeout = service.socket_read_timeout = settings.timeout_s
        self._service, self._all = service, apprise.Apprise()
        self._all.add(service)

    def send(self, message: Message) -> str:
        """Send a message."""
        return self._notify(self._writer.text(message))

    def check(self, text: str) -> str:
        """Send a test."""
        return self._notify(self._writer.test(text))

    def close(self) -> None:
        """Do nothing: every message has a connection of its own."""

    def _notify(self, text: Text) -> str:
        room = int(self._service.body_maxlen) - len(text.lines[-1]) - 1
        body = "\n".join(["\n".join(text.lines[:-1])[: max(room, 0)], text.lines[-1]])
        with self._logs(level=30) as log:
            # Not the service itself: that takes any text for its own format, as HTML.
            if self._all.notify(body=body, title=text.title, body_format=self._plain):
                return "ok"
            words = log.getvalue()
        found = _CODE.search(words)
        code = int(found[1]) if found else 0
        said = f"HTTP {code}" if code else "apprise could not send it"
        if 400 <= code < 500 and code not in {408, 429}:
            raise ChannelRefusedError("login" if code in {401, 403} else "refused", said)
        raise LaterError("busy" if code == 429 else "error" if code else "away", said)
