"""Values that a message says by names of their own (SenML, Sparkplug): a reading, a state, a total, or passages.

What a number is, the binding says; where it says nothing, the name and the unit do.
"""

from typing import Final, Literal

from ingest.codecs import meters
from ingest.codecs.bindings import Binding
from ingest.codecs.codec import Codec
from ingest.codecs.signs import our_word
from ingest.observations import MAX_COUNT
from ingest.vocabulary import Reason

_NAMES: Final = {
    "temp": "temperature", "tmp": "temperature", "hum": "humidity", "rh": "humidity", "sound": "noise", "spl": "noise",
    "noise_level": "noise", "water_level": "water", "lux": "illuminance", "baro": "pressure", "manhole": "cover",
    "contact": "door", "open": "door", "pm2_5": "pm25", "co_2": "co2",
}  # fmt: skip
_UNITS: Final = {"Cel": "°C", "%RH": "%", "degC": "°C", "dBspl": "dB", "/": ""}
_STATES: Final = frozenset({"door", "cover", "smoke", "tamper", "barrier", "video"})
"""Metrics whose true and false, 1 and 0, are words (`ingest.codecs.words`)."""
_BY_UNIT: Final = {
    "Cel": "temperature", "K": "temperature", "%RH": "humidity", "dB": "noise", "lx": "illuminance", "Pa": "pressure",
}  # fmt: skip
_GUESSES: Final = {
    "temperature": "environment", "humidity": "environment", "noise": "noise", "smoke": "smoke", "water": "water",
    "door": "door", "cover": "manhole",
}  # fmt: skip
_VAGUE: Final = frozenset({"open", "state", "value", "alarm", "status"})
"""What the name before it says more of."""
_MEASURED: Final = frozenset({*_GUESSES, *_BY_UNIT.values(), "pm25", "co2", "battery", "voltage", "rssi", "uptime"})
_LARGEST: Final = (1 << 53) - 1
_HEX: Final = frozenset("0123456789abcdef")
Value = float | bool | str


def metric_of(name: str, unit: str = "") -> str:
    """Return what a value is called here, by the last part of its name; by its unit where that is a serial number.

    >>> metric_of("urn:dev:mac:0024befffe804ff1:temp"), metric_of("Door/Open"), metric_of("Ambient/Noise Level")
    ('temperature', 'door', 'noise')
    >>> metric_of("urn:dev:ow:10e2073a01080063", "Cel"), metric_of("urn:dev:ow:10e2073a01080063:open")
    ('temperature', 'door')
    >>> metric_of("Air/PM2.5")
    'pm25'
    """
    plain = name.lower().replace("pm2.5", "pm25").replace(" ", "_").replace(":", "/").replace(".", "/")
    *before, word = plain.strip("/").split("/")
    if word in _VAGUE and before and not _is_serial(before[-1]):
        word = before[-1]
    if unit in _BY_UNIT and _is_serial(word):
        return _BY_UNIT[unit]
    return _NAMES.get(word, word)


def _is_serial(word: str) -> bool:
    return len(word) >= 6 and not set(word) - _HEX


def guess_of(name: str, unit: str = "") -> str:
    """Return the type of device that a value of such a name may come from; empty where it does not tell."""
    return _GUESSES.get(metric_of(name, unit), "")


def say(
    codec: Codec,
    binding: Binding,
    key: str,
    ts_ms: int | None,
    value: Value,
    unit: str = "",
    *,
    backfill: bool = False,
    birth: bool = False,
) -> None:
    """Say a value as its binding means it. A text is taken only where it is known what its word means.

    Parameters
    ----------
    key
        Its full name: totals are told apart by it.
    birth
        It is how things stand as the device begins, and nothing that has happened now: no passages.
    """
    if binding.meaning == "ignore":
        return
    metric = binding.metric or metric_of(key, unit)
    if isinstance(value, str | bool) or _is_state(binding, metric, value, unit):
        word = our_word(binding, metric, value if isinstance(value, str | bool) else f"{value:g}")
        if word is None:
            codec.tell("no_news")
        else:
            codec.state(binding, ts_ms, metric, word, backfill=backfill)
    elif _is_counted(binding, metric):
        _count(codec, binding, key, ts_ms, value, backfill=backfill, birth=birth)
    else:
        metric = "occupancy" if binding.meaning == "occupancy" and not binding.metric else metric
        codec.level(binding, ts_ms, metric, value, _UNITS.get(unit, unit)[:16], backfill=backfill)


def _is_state(binding: Binding, metric: str, value: float, unit: str) -> bool:
    said = f"{value:g}"
    return said in binding.states or (metric in _STATES and said in {"0", "1"} and unit in {"", "/"})


def _is_counted(binding: Binding, metric: str) -> bool:
    """Tell whether a number counts what passed; a device that is bound whole measures other things as well."""
    if not binding.part and metric in _MEASURED:
        return False
    said = binding.of or binding.direction or binding.directions
    return binding.meaning in {"total", "interval", "crossings"} or bool(
        said and not binding.meaning and not binding.metric
    )


def _way(binding: Binding, key: str) -> Literal["in", "out"]:
    """Return which way a counter of some name counts."""
    for name in (key, key.replace(":", "/").replace(".", "/").rpartition("/")[2]):
        if name in binding.directions:
            return binding.directions[name]
    return binding.direction or "in"


def _count(
    codec: Codec,
    binding: Binding,
    key: str,
    ts_ms: int | None,
    value: float,
    *,
    backfill: bool,
    birth: bool,
) -> None:
    way = _way(binding, key)
    most = MAX_COUNT if binding.meaning in {"interval", "crossings"} else _LARGEST
    if not 0 <= value <= most:
        codec.refuse(Reason.RANGE, f"{value:g} passages, expected 0 to {most}")
        return
    if binding.meaning in {"interval", "crossings"}:
        if not birth:
            came, went = (int(value), 0) if way == "in" else (0, int(value))
            # Without a time it is no name of what happened: the next that is alike is another.
            codec.count(binding, ts_ms, came=came, went=went, backfill=backfill, identity=key if ts_ms else "")
        return
    found = meters.increment(codec, f"{binding.device}/{key[:160]}", ts_ms or codec.received_ms, {way: int(value)})
    if found is not None:
        came, went = found.counted.get("in", 0), found.counted.get("out", 0)
        codec.count(binding, ts_ms, interval_s=found.interval_s, came=came, went=went, backfill=backfill, of_total=True)
