"""Mail by SMTP: the way out of a station that has nothing but a mail server."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from console.deliver.channel import Channel, ChannelRefusedError, ChannelSettings, LaterError, Surroundings
from console.deliver.http_post import deadline, shown
from console.deliver.orders import Attachment, Message
from console.deliver.wording import Text, Writer
from ingest.clock import wall_ms
from ingest.setup.settings import Port

_LOGIN_CODES: Final = {530, 534, 535, 538}


class MailSettings(ChannelSettings, frozen=True, kw_only=True, tag="mail"):
    """A mail server, and whom to write to."""

    host: str
    port: Port = 465
    secure: Literal["tls", "starttls", "none"] = "tls"
    username: str = ""
    password: str = ""
    sender: str
    recipients: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    per_minute: int = 60

    GROUP: ClassVar[bool] = False
    SECRETS: ClassVar[tuple[str, ...]] = ("password", "username", "recipients")

    def mistake(self) -> str:
        """Return what cannot be meant; see `ChannelSettings.mistake`."""
        for key, addresses in (("sender", (self.sender,)), ("recipients", self.recipients)):
            if not all(map(_is_address, addresses)):
                return f"{key} has what is no address; expected NAME@HOST"
        if self.password and self.secure == "none":
            return "password would go in clear; expected secure = tls or starttls, or no password"
        return ""

    def open(self, writer: Writer, _name: str, around: Surroundings) -> Channel:
        """Return the channel; see `ChannelSettings.open`."""
        return Mail(self, writer, around.attached if self.where == "inside" else None)


def _is_address(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name and host) and text.isprintable() and not set(text) & set(' ,;<>"')


class _Plain(smtplib.SMTP):
    """Is there before it connects, so that a watchdog can cut it whatever the server does."""

    def __init__(self, host: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._host = host  # the name in the certificate


class _Tls(smtplib.SMTP_SSL):
    """The same, with TLS from the beginning."""

    def __init__(self, host: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s, context=ssl.create_default_context())
        self._host = host


class Mail:
    """Sends one mail a message; its Message-ID is the same whenever it is sent, so that programs drop a repeat."""

    def __init__(
        self,
        settings: MailSettings,
        writer: Writer,
        attached: Callable[[Message, str], Attachment | None] | None = None,
    ) -> None:
        self._mail, self._writer, self._attached = settings, writer, attached

    def send(self, message: Message) -> str:
        """Send a message to its address, else to all of the channel's."""
        attached = self._attached(message, message.language or self._writer.language) if self._attached else None
        recipients = message.to.split() or list(self._mail.recipients)
        return self._send(self._writer.text(message), recipients, message.key, attached)

    def check(self, text: str) -> str:
        """Send a test to all."""
        return self._send(self._writer.test(text), list(self._mail.recipients), f"test-{wall_ms()}")

    def close(self) -> None:
        """Do nothing: every mail has a connection of its own."""

    def _send(self, text: Text, recipients: list[str], key: str, attached: Attachment | None = None) -> str:
        mail = EmailMessage()
        mail["Subject"], mail["From"] = shown(text.title), self._mail.sender  # in one line, or it is no header
        mail["To"] = ", ".join(recipients)
        mail["Message-ID"], mail["Date"] = f"<{key}@patrolgrid.invalid>", formatdate()
        mail.set_content("\n".join(text.lines) + "\n")
        if attached is not None:
            kind, _, form = attached.media.partition("/")
            mail.add_attachment(attached.content, maintype=kind, subtype=form, filename=attached.name)
        session = _Tls if self._mail.secure == "tls" else _Plain
        server = session(self._mail.host, self._mail.timeout_s)
        try:
            with deadline(lambda: server.sock, self._mail.timeout_s):
                missed = self._talk(server, mail)
        finally:
            server.close()
        return f"{len(missed)} of {len(recipients)} recipients were refused" if missed else "250"

    def _talk(self, server: smtplib.SMTP, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Hand over a mail; return the recipients that were refused, where others were not."""
        try:
            server.connect(self._mail.host, self._mail.port)
            if self._mail.secure == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._mail.username:
                server.login(self._mail.username, self._mail.password)
            return server.send_message(mail)
        except smtplib.SMTPException as error:
            raise _meaning(error) from error


def _meaning(error: smtplib.SMTPException) -> LaterError | ChannelRefusedError:
    """Return what an error of SMTP means: 4xx passes, 5xx does not (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return LaterError("cut", "the connection was cut")
    codes = [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    said = shown(f"SMTP {' '.join(map(str, sorted(set(codes))))}") if codes else type(error).__name__
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ChannelRefusedError("refused", "the server does not offer STARTTLS or a login")
    if codes and min(codes) >= 500:
        return ChannelRefusedError("login" if set(codes) & _LOGIN_CODES else "refused", said)
    return LaterError("error", said)
