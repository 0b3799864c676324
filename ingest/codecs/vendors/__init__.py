"""The dialects of vendors, one file each. A codec is imported when it is first asked for: an edge device needs few."""

from importlib import import_module
from typing import Final

from ingest.codecs.codec import Codec

_CLASSES: Final = {
    "axis": "AxisCamera",
    "dahua": "Dahua",
    "esphome": "EspHome",
    "frigate": "Frigate",
    "gat1400": "Gat1400",
    "hikvision": "Hikvision",
    "milesight": "Milesight",
    "onvif": "Onvif",
    "senml": "Senml",
    "shelly": "Shelly",
    "sparkplug": "Sparkplug",
    "tasmota": "Tasmota",
    "zigbee2mqtt": "Zigbee2Mqtt",
}
"""Name of a codec, which is that of its module → its class."""
NAMES: Final = tuple(_CLASSES)


def codec_class(name: str) -> type[Codec]:
    """Return the codec of a name. Raises ValueError for one that there is not."""
    if name not in _CLASSES:
        raise ValueError(f"codec is {name!r}, expected one of {', '.join(NAMES)}")
    found: type[Codec] = getattr(import_module(f"ingest.codecs.vendors.{name}"), _CLASSES[name])
    return found
