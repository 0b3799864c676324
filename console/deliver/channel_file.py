"""The channels file: a TOML table a channel, kept apart from the settings because it is full of secrets.

Its folder is where relative paths in it begin. Others may not read it.
"""

import tomllib
from pathlib import Path
from typing import Final

import msgspec

from console.deliver.channel import Channel, ChannelSettings, Surroundings
from console.deliver.channels.cap import CapSettings
from console.deliver.channels.dingtalk import DingTalkSettings
from console.deliver.channels.feishu import FeishuSettings
from console.deliver.channels.long_tail import AppriseSettings
from console.deliver.channels.mail import MailSettings
from console.deliver.channels.mqtt import MqttSettings
from console.deliver.channels.webhook import WebhookSettings
from console.deliver.channels.wecom import WeComSettings
from console.deliver.wording import Writer
from ingest.setup.settings import SettingsError
from ingest.topics import ID_PATTERN
from stream.sentences.languages import LANGUAGES

_Any = (
    WeComSettings | DingTalkSettings | FeishuSettings | MailSettings | WebhookSettings | MqttSettings | CapSettings
    | AppriseSettings
)  # fmt: skip
_OTHERS: Final = 0o007

Declared = dict[str, ChannelSettings]
"""Channel's id → its settings, in the order of the file."""


def read_channels(path: Path) -> Declared:
    """Return the channels of a file; none where there is no file.

    Raises `SettingsError` naming the file, the channel and the key.
    """
    try:
        if path.stat().st_mode & _OTHERS:
            raise SettingsError(f"{path}: others may read it, and it holds secrets; expected chmod 600")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = {name: _checked(path, name, table) for name, table in tables.items()}
    for name in found:
        _check_way(path, name, found)
    return found


def _checked(path: Path, name: str, table: object) -> ChannelSettings:
    if not ID_PATTERN.match(name):
        raise SettingsError(f"{path}: channel {name!r}: expected letters, digits, - and _, at most 48")
    try:
        settings: ChannelSettings = msgspec.convert(table, _Any)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: channel {name}: {error}") from error
    if settings.language not in {"", *LANGUAGES}:
        raise SettingsError(f"{path}: channel {name}: language is {settings.language!r}, expected {LANGUAGES}")
    mistake = settings.mistake()
    for key in settings.SECRETS:
        found = getattr(settings, key)
        if not all(one.isprintable() for one in ([found] if isinstance(found, str) else found)):
            mistake = f"{key} has a line break, or another character that is not to be seen; expected one line of text"
    if mistake:
        raise SettingsError(f"{path}: channel {name}: {mistake}")
    return settings


def _check_way(path: Path, name: str, found: Declared) -> None:
    """Refuse a `next` that is not there, and a circle of them."""
    way = [name]
    while (following := found[way[-1]].next) and len(way) <= len(found):
        if following not in found:
            raise SettingsError(f"{path}: channel {way[-1]}: next is {following!r}, expected one of {', '.join(found)}")
        way.append(following)
    if following:
        raise SettingsError(f"{path}: channel {name}: next leads in a circle: {' > '.join(way)}")


def open_channel(name: str, settings: ChannelSettings, around: Surroundings) -> Channel:
    """Return a channel, ready to send. Raises `SettingsError`, or what its packages or files raise."""
    language, outside = settings.language or around.language, settings.where == "outside"
    links, group = around.links, settings.GROUP
    link = None if links is None else lambda message: links.of(message, outside=outside, group=group)
    writer = Writer(language, around.zone, outside=outside, exercise=around.exercise, link=link)
    try:
        return settings.open(writer, name, around)
    except ValueError as error:
        raise SettingsError(f"channel {name}: {error}") from error
