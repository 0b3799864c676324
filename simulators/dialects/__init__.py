"""What simulated devices see, said as real ones of a vendor would say it: the way back through `ingest.codecs`."""

from simulators.dialects.cameras import (
    AxisSpeaker,
    DahuaSpeaker,
    FrigateSpeaker,
    HikvisionSpeaker,
    MilesightSpeaker,
    OnvifSpeaker,
    ViidSpeaker,
)
from simulators.dialects.speaker import Speaker, translated
from simulators.dialects.things import (
    EspHomeSpeaker,
    SenmlSpeaker,
    ShellySpeaker,
    SparkplugSpeaker,
    TasmotaSpeaker,
    ZigbeeSpeaker,
)

SPEAKERS: dict[str, type[Speaker]] = {
    one.name: one
    for one in (
        AxisSpeaker, DahuaSpeaker, EspHomeSpeaker, FrigateSpeaker, HikvisionSpeaker, MilesightSpeaker, OnvifSpeaker,
        SenmlSpeaker, ShellySpeaker, SparkplugSpeaker, TasmotaSpeaker, ViidSpeaker, ZigbeeSpeaker,
    )
}  # fmt: skip
"""Name of a codec → who speaks its dialect."""

__all__ = ["SPEAKERS", "Speaker", "translated"]
