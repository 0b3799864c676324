"""A webhook: JSON for another system, with a key by which it knows a repeat."""

import hashlib
import hmac
from typing import ClassVar

import msgspec

from console.deliver.channel import Channel, ChannelSettings, Surroundings
from console.deliver.http_post import post
from console.deliver.orders import Message
from console.deliver.wording import Writer
from ingest.clock import wall_ms


class WebhookSettings(ChannelSettings, frozen=True, kw_only=True, tag="webhook"):
    """A server that takes JSON."""

    url: str
    authorization: str = ""
    """What stands in the header Authorization, such as "Bearer …"."""
    secret: str = ""
    """Where it is set, the header X-PatrolGrid-Signature has sha256= and the HMAC-SHA-256 of the body, in hex."""
    per_minute: int = 120

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "authorization", "secret")

    def mistake(self) -> str:
        """Return what cannot be meant; see `ChannelSettings.mistake`."""
        if not self.authorization.isascii():
            return "authorization has a character that no header can have; expected ASCII, such as Bearer …"
        known = self.url.startswith(("http://", "https://"))
        return "" if known and self.url.isascii() and self.url.isprintable() else "url is none; expected https://HOST/…"

    def open(self, writer: Writer, _name: str, _around: Surroundings) -> Channel:
        """Return the channel; see `ChannelSettings.open`."""
        return Webhook(self, writer)


class Webhook:
    """Posts messages as `console.deliver.wording.Writer.document` has them."""

    def __init__(self, settings: WebhookSettings, writer: Writer) -> None:
        self._hook, self._writer = settings, writer

    def send(self, message: Message) -> str:
        """Send a message, with its key as ``Idempotency-Key``."""
        return self._post(msgspec.json.encode(self._writer.document(message)), message.key)

    def check(self, text: str) -> str:
        """Send a test: ``{"test": true, …}``."""
        title, lines = self._writer.test(text)
        document = {"test": True, "title": title, "text": "\n".join(lines)}
        return self._post(msgspec.json.encode(document), f"test-{wall_ms()}")

    def close(self) -> None:
        """Do nothing: every message has a connection of its own."""

    def _post(self, body: bytes, key: str) -> str:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._hook.authorization:
            headers["Authorization"] = self._hook.authorization
        if self._hook.secret:
            digest = hmac.new(self._hook.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-PatrolGrid-Signature"] = f"sha256={digest}"
        return f"HTTP {post(self._hook.url, body, headers, timeout_s=self._hook.timeout_s).status}"
