"""What the lists of GA/T 1400 hold, however they are wrapped, and whether any of it is about somebody."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ingest.codecs.codec import Codec, Json
from ingest.codecs.lenient import UnreadableError
from ingest.vocabulary import Reason

_MOST_NODES: Final = 20_000
"""Objects, lists and values of a message that are looked at."""
KINDS: Final = {
    "motorvehicle": "motor", "nonmotorvehicle": "nonmotor", "person": "person", "ape": "camera", "device": "camera",
    "apestatu": "status", "devicestatu": "status", "tollgate": "tollgate", "doordevice": "door", "doorinfo": "door",
}  # fmt: skip
"""Name of a list or an object, as `bare_name` gives it → what it is."""
_IDS: Final = {
    "faceid": "face", "personinfoid": "face", "carinfoid": "face", "motorvehicleid": "motor",
    "nonmotorvehicleid": "nonmotor", "personid": "person", "apeid": "camera", "tollgateid": "tollgate",
}  # fmt: skip
"""Key of an object in a bare list → what it is; the first of these that it has."""
PERSONAL: Final = frozenset({
    "face", "facefeature", "faceimage", "gait", "personinfo", "carinfo", "houseinfo", "residentinfo", "ownerinfo",
    "faceinfo", "visitor", "visitorinfo", "archive", "archivesubject", "vehiclearchive", "personarchive",
    "opendoorrecord", "dooropenrecord", "accessrecord", "cardinfo", "photodata",
})  # fmt: skip
"""Names of lists and objects that are somebody."""
_IDENTITY: Final = re.compile(
    r"(?:.{0,40}(?:idnumber|idcard|idcardno|idcardnum|idcardnumber|certno|certificateno|certificatenumber|phone|phoneno"
    r"|phonenum|phonenumber|mobile|telephone|passportnumber|identitycard|identityno|identitynumber|idnum|sfzh|sfzhm"
    r"|contactnumber|身份证.{0,6}|电话.{0,4}|手机.{0,4}|姓名)|(?:owner|driver|contact|link|home)?tel|idno|owner|ownerid"
    r"|(?:owner|driver|person|holder|resident|contact).{0,20}name|vehicleowner|carowner|realname|车主|住址"
    r"|residen.{0,20}address|homeaddress|email|(?:driver|person).{0,20}face.{0,12})\Z"
)
"""Keys whose value, where there is one, is about somebody; in small letters, without signs between the words."""
_IDENTITY_NUMBER: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:00|1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])[0-9]{4}(?:19|20)[0-9]{2}"
    r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)
"""The number of a resident's identity card (GB 11643): a region, a birthday, three digits and one to check."""
_NAMES: Final = frozenset({"name", "usedname", "alias", "nickname"})
"""The same in what is a person; a camera may have a name."""
_ROLE: Final = re.compile(r"owner|driver|pilot|person")
_PEOPLE: Final = frozenset({"IDType", "IDNumber", "PersonID", "GenderCode"})
"""Keys of a person."""
_CODE: Final = re.compile(r"(?:[0-9]{1,2}|true|yes|no)\Z", re.IGNORECASE)
_RIDER: Final = "rider"
"""Who sits in a vehicle that is listed: nobody who came on foot."""
_SOMEBODY: Final = "somebody's face, name, number or address, or a car of a register"
_NOBODY: Final = frozenset({"", "0", "-", "--", "/", "null", "none", "unknown", "n/a", "nan", "无", "未知", "false"})
_ENDINGS: Final = re.compile(r"(?:list|object|s){1,8}\Z")
TIMES: Final = ("PassTime", "AppearTime", "PersonAppearTime", "MarkTime", "DisappearTime", "PersonDisAppearTime")


class Seen(NamedTuple):
    """An object of a message."""

    kind: str
    it: dict[str, Any]
    name: str
    """Its own number: what the answer calls it."""


def bare_name(key: str) -> str:
    """Return a key without what says that it is a list, or an object.

    >>> bare_name("MotorVehicleListObject"), bare_name("MotorVehicleObjectList"), bare_name("APEs")
    ('motorvehicle', 'motorvehicle', 'ape')
    """
    return _ENDINGS.sub("", key.strip().lower()[:80])


def objects(said: Json, kind: str) -> Iterator[Seen]:
    """Yield what a message lists, however it is wrapped.

    Raises `UnreadableError` for what is personal, wherever it stands, and for far too much.
    """
    waiting: list[tuple[str, Json, bool]] = [(kind, said, True)]
    nodes = 0
    while waiting:
        kind, it, top = waiting.pop()
        nodes += 1
        if nodes > _MOST_NODES:
            raise UnreadableError(Reason.SIZE, f"more than {_MOST_NODES} objects and lists in one message")
        if isinstance(it, list):
            waiting.extend((kind, one, top) for one in reversed(it))
        if not isinstance(it, dict):
            if kind not in {"", _RIDER} and nodes > 1 and not isinstance(it, list) and not is_empty(it):
                yield Seen(kind, {}, "")
            continue
        inner: list[tuple[str, Json, bool]] = []
        for key, value in it.items():
            bare = bare_name(key)
            if _is_about_somebody(kind, it, key, bare):
                raise UnreadableError(Reason.PERSONAL, _SOMEBODY)
            named = bare in KINDS and bare != key.strip().lower()  # a list or an object, whatever stands there
            if named or isinstance(value, dict | list):
                what = KINDS.get(bare, "")
                rides = kind == _RIDER or (what == "person" and kind in {"motor", "nonmotor"} and "PlateNo" in it)
                inner.append((_RIDER if rides else what, value, False))
        waiting.extend(reversed(inner))
        if not kind and top:
            keys = {key.strip().lower() for key in it}
            kind = next((kind for key, kind in _IDS.items() if key in keys), "")
        if kind == "face":
            raise UnreadableError(Reason.PERSONAL, _SOMEBODY)
        if kind not in {"", _RIDER} and not any(found == kind for found, _, _ in inner):
            name = _name(kind, it)
            if name or not top or any(key in it for key in (*TIMES, "PlateNo")):
                yield Seen(kind, it, name)


def _is_about_somebody(kind: str, it: Mapping[str, Json], key: str, bare: str) -> bool:
    """Tell whether what stands below a key of an object is personal; an empty value is not."""
    value, name = it[key], key.strip().lower()[:80]
    if bare in PERSONAL:
        return not is_empty(value)
    if name in _NAMES and (kind in {"person", _RIDER} or not _PEOPLE.isdisjoint(it)):
        return not is_empty(value)
    return _identifies(name, value)


def _identifies(key: str, value: Json) -> bool:
    """Tell whether a value is about somebody by its key, or is an identity number whatever its key is."""
    name, text = key.lower().strip().replace("_", "").replace("-", "")[:80], text_of(value)
    if _IDENTITY.match(name):
        # One or two digits are a code: whether the driver is on the phone.
        return not is_empty(value) and not _CODE.match(text)
    return len(text) >= 18 and not name.endswith("id") and _IDENTITY_NUMBER.search(text) is not None


def names_somebody(said: Json, below: str = "") -> bool:
    """Tell whether another vendor says who owns or drives a vehicle, at any depth; `below`: the key it stands under."""
    if isinstance(said, list):
        return any(names_somebody(one, below) for one in said)
    if not isinstance(said, dict):
        return False
    names = _NAMES if _ROLE.search(below) else frozenset[str]()
    return any(
        names_somebody(value, key.lower()[:80])
        if isinstance(value, dict | list)
        else _identifies(key, value) or (key.lower() in names and not is_empty(value))
        for key, value in said.items()
    )


def is_empty(value: Json) -> bool:
    """Tell whether nothing stands there, whatever its brackets."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif one is not None and str(one).strip().lower() not in _NOBODY:
            return False
    return True


def _name(kind: str, it: Mapping[str, Json]) -> str:
    keys = {
        "motor": ("MotorVehicleID",), "nonmotor": ("NonMotorVehicleID",), "person": ("PersonID",),
        "camera": ("ApeID", "APEID", "DeviceID"), "status": ("ApeID", "APEID", "DeviceID"), "tollgate": ("TollgateID",),
        "door": ("DeviceID", "DoorID"),
    }[kind]  # fmt: skip
    return next((text for key in keys if (text := text_of(it.get(key)))), "")[:64]


def camera_of(seen: Seen) -> str:
    """Return the camera's number: its own key, or the beginning of the object's number, which is made from it."""
    named = text_of(seen.it.get("DeviceID"))
    if named:
        return named
    source = text_of(seen.it.get("SourceID")) or seen.name
    return source[:20] if len(source) >= 20 and not seen.it.get("TollgateID") else ""


def is_vague(seen: Seen) -> bool:
    """Tell whether an object names no camera, not even in its own number (which is then not one of 48 digits)."""
    return not text_of(seen.it.get("DeviceID")) and not text_of(seen.it.get("SourceID")) and len(seen.name) < 40


def text_of(value: Json) -> str:
    """Return a value as the text that it would be; nothing for what is none.

    >>> text_of(1), text_of(" 1 "), text_of(None), text_of(True), text_of([1])
    ('1', '1', '', 'true', '')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip()[:200] if isinstance(value, str | int | float) else ""


def code_of(value: Json) -> str:
    """Return a code without what is written differently.

    >>> code_of("01"), code_of(1.0), code_of("1"), code_of("")
    ('1', '1', '1', '')
    """
    text = text_of(value)
    number = Codec.number(text)
    return text if number is None or number != int(number) else str(int(number))
