"""What the shift before hands over to whoever begins the demo, so that its shift book begins as a real one does."""

import uuid
from typing import Final

import msgspec

from console.shift.shift_times import times_of
from deploy.settings import Settings
from ingest import topics
from ingest.events import Command
from ingest.gateway.plate_keys import command_keys
from ingest.mqtt import Outbound, publish_all
from ingest.mqtt.signing import signed
from stream.sentences.catalogue import Sentences

_NAME: Final = "Liu Yang 刘洋"
_TO: Final = "Zhao Min 赵敏"


def hand_over_before(settings: Settings, now_ms: int) -> None:
    """Send the hand-over of the shift before the one at a time (epoch ms, the site's), signed as a board's would be.

    A demo that begins again in the same shift sends the same one, which is written once.
    """
    times = times_of(settings.patrol, settings.site.timezone)
    before, _ = times.beside(times.at(now_ms))
    if before is None:
        return
    says = Sentences(settings.site.language)("demo-handed-over")
    command = Command(
        id=uuid.uuid5(uuid.NAMESPACE_OID, before.id).hex,
        action="hand_over",
        about=before.id,
        by="liuyang",
        name=_NAME,
        to=_TO,
        note=says,
        ts=now_ms,
    )
    topic, keys = topics.commands(settings.site.id), command_keys(settings.command_key_file)
    publish_all(settings.people_login(), [Outbound(topic, signed(msgspec.json.encode(command), topic, keys[-1]))])
