"""The MQTT topic tree (a fixed contract) and the words it is made of."""

import re
from hashlib import blake2b
from typing import Final, NamedTuple

ROOT: Final = "patrolgrid/v1"
ID_PATTERN: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}\Z")
"""What a site, beat or device id may look like: safe in topics, tags, file names and HTML."""
MAX_TOPIC: Final = 200
RESERVED_BEATS: Final = frozenset({"incidents", "commands", "patrol", "claim", "audit", "told", "simulate"})
"""Words that stand where a beat would; no beat may be called so."""
_PATROL: Final = "patrol"
_TOLD: Final = "told"
_CLAIM, _ANSWER = "claim", "answer"
_SIMULATE: Final = "simulate"
_ROOT_CASES: Final = ("patrolgrid", "Patrolgrid", "PatrolGrid", "PATROLGRID")
_LEAVES: Final = frozenset({"obs", "status", "health"})
"""What a device says."""
_OUTPUTS: Final = {2: frozenset({"alerts", "hotspots"}), 3: frozenset({"settings"})}
"""Number of levels below the site → last levels of topics that are no gateway's business."""


class DeviceTopic(NamedTuple):
    """The parts of ``patrolgrid/v1/{site}/{beat}/{device}/{leaf}``."""

    site: str
    beat: str
    device: str
    leaf: str


def id_of(name: str, kind: str = "device") -> str:
    """Return the id of a thing that has only a name: the name itself, or one that no other name gets.

    It follows from the name alone, so it stays the same whenever and beside whatever else the name occurs.

    >>> id_of("door-in"), id_of("东门"), id_of("East Gate")
    ('door-in', 'device-ca0891d6fa', 'East-Gate-d0710615c8')
    """
    if ID_PATTERN.match(name):
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    words = "-".join(re.sub(r"[^A-Za-z0-9]", " ", name).split())[:37].rstrip("-")
    return f"{words or kind}-{digest}"


def observations(site: str, beat: str, device: str) -> str:
    """Topic a device publishes its observations on (QoS 1).

    >>> observations("quarter", "academy", "noise-08")
    'patrolgrid/v1/quarter/academy/noise-08/obs'
    """
    return f"{ROOT}/{site}/{beat}/{device}/obs"


def status(site: str, beat: str, device: str) -> str:
    """Topic of a device's retained status and last will."""
    return f"{ROOT}/{site}/{beat}/{device}/status"


def health(site: str, beat: str, device: str) -> str:
    """Topic on which an edge agent says how it is (`ingest.health`)."""
    return f"{ROOT}/{site}/{beat}/{device}/health"


def settings(site: str, beat: str, device: str) -> str:
    """Retained topic of the settings that a station sends to an edge agent (`ingest.edge.signed_settings`)."""
    return f"{ROOT}/{site}/{beat}/{device}/settings"


def incidents(site: str) -> str:
    """Topic on which dispatch systems report incidents."""
    return f"{ROOT}/{site}/incidents"


def commands(site: str) -> str:
    """Topic on which the console acknowledges and clears alerts."""
    return f"{ROOT}/{site}/commands"


def clock(site: str) -> str:
    """Topic on which a replay says when what follows was received; only a node whose clock follows the data listens."""
    return f"{ROOT}/{site}/clock"


def alerts(site: str, beat: str) -> str:
    """Topic of alert changes of a beat, one message per change."""
    return f"{ROOT}/{site}/{beat}/alerts"


def hotspots(site: str, beat: str) -> str:
    """Retained topic of a beat's current hotspots."""
    return f"{ROOT}/{site}/{beat}/hotspots"


def told(site: str, channel: str) -> str:
    """Topic of what delivery tells through a channel of kind mqtt.

    >>> told("quarter", "siren"), is_output(told("quarter", "siren"), "quarter")
    ('patrolgrid/v1/quarter/told/siren', True)
    """
    return f"{ROOT}/{site}/{_TOLD}/{channel}"


def patrol_plan(site: str, officer: str) -> str:
    """Retained topic of an officer's running plan.

    >>> patrol_plan("quarter", "p1"), patrol_did("quarter", "p1")
    ('patrolgrid/v1/quarter/patrol/p1/plan', 'patrolgrid/v1/quarter/patrol/p1/did')
    """
    return f"{ROOT}/{site}/{_PATROL}/{officer}/plan"


def patrol_did(site: str, officer: str) -> str:
    """Topic on which an officer says what was done."""
    return f"{ROOT}/{site}/{_PATROL}/{officer}/did"


def claim(site: str, account: str) -> str:
    """Topic on which a device that has nothing but a code asks for its account.

    >>> is_output(claim("quarter", "claim.7k3q9m"), "quarter"), is_output(claim_answer("quarter", "+"), "quarter")
    (True, True)
    """
    return f"{ROOT}/{site}/{_CLAIM}/{account}"


def claim_answer(site: str, account: str) -> str:
    """Topic of the station's answer to it: not below the account's own level, where a device may write."""
    return f"{ROOT}/{site}/{_CLAIM}/{_ANSWER}/{account}"


def audit_head(site: str) -> str:
    """Retained topic of the newest entry of the audit log: where it can be seen whether that was cut short."""
    return f"{ROOT}/{site}/audit/head"


def simulate(site: str) -> str:
    """Topic on which a simulator is told what to let happen; nobody listens to it at a site whose devices are real.

    >>> is_output(simulate("quarter"), "quarter"), is_output(simulated("quarter"), "quarter")
    (True, True)
    """
    return f"{ROOT}/{site}/{_SIMULATE}"


def simulated(site: str) -> str:
    """Retained topic of what a simulator has let happen."""
    return f"{ROOT}/{site}/{_SIMULATE}/truth"


def inputs(site: str) -> tuple[str, ...]:
    """Return filters for exactly what a site's gateway takes."""
    devices = tuple(leaf(site, "+", "+") for leaf in (observations, status, health))
    return *devices, incidents(site), commands(site), patrol_did(site, "+")


def everything(site: str) -> str:
    """Return a filter for all below a site: also for topics that are nearly right, so that they are not lost unseen.

    >>> everything("quarter")
    'patrolgrid/v1/quarter/#'
    """
    return f"{ROOT}/{site}/#"


def near_misses(site: str) -> tuple[str, ...]:
    """Return filters for what people write by mistake before the beat: other cases, and empty levels.

    >>> [name for name in near_misses("A1") if name.endswith("/a1/#")][0]
    'patrolgrid/v1/a1/#'
    >>> "/patrolgrid/v1/A1/#" in near_misses("A1")
    True
    """
    roots = [f"{name}/{version}" for name in _ROOT_CASES for version in ("v1", "V1")]
    sites = dict.fromkeys((site, site.lower(), site.upper(), site.capitalize()))
    cased = [f"{root}/{name}/#" for root in roots for name in sites if (root, name) != (ROOT, site)]
    name, version = ROOT.split("/")
    return (*cased, f"/{ROOT}/{site}/#", f"{name}//{version}/{site}/#", f"{ROOT}//{site}/#")


def is_output(topic: str, site: str) -> bool:
    """Tell whether a topic below a site is one that this or a later version of the house sends on itself.

    >>> is_output("patrolgrid/v1/quarter/academy/alerts", "quarter")
    True
    >>> is_output("patrolgrid/v1/quarter/academy/alerts/", "quarter")
    False
    """
    parts = topic.removeprefix(f"{ROOT}/{site}/").split("/")
    if parts in (["audit", "head"], [_SIMULATE], [_SIMULATE, "truth"]):
        return True
    if parts[0] == _PATROL:
        return len(parts) == 3 and parts[2] == "plan"
    if parts[0] == _CLAIM:
        return len(parts) == 2 or (len(parts) == 3 and parts[1] == _ANSWER)
    return parts[-1] in _OUTPUTS.get(len(parts), ()) or (len(parts) == 2 and parts[0] == _TOLD)


def officer_of(topic: str, site: str) -> str | None:
    """Return whose word comes on a topic; None where it is not that of an officer.

    >>> officer_of("patrolgrid/v1/quarter/patrol/p1/did", "quarter")
    'p1'
    >>> officer_of("patrolgrid/v1/quarter/patrol/p 1/did", "quarter") is None
    True
    """
    officer = topic.removeprefix(f"{ROOT}/{site}/{_PATROL}/").removesuffix("/did")
    return officer if ID_PATTERN.match(officer) and topic == patrol_did(site, officer) else None


def below_device(topic: str) -> DeviceTopic | None:
    """Split a topic that a device of another dialect publishes on below its own id; None for any other.

    >>> below_device("patrolgrid/v1/quarter/academy/lamp-7/tele/lamp/SENSOR").leaf
    'tele/lamp/SENSOR'
    """
    parts = topic.split("/", 5)
    if len(topic) > MAX_TOPIC or len(parts) != 6 or f"{parts[0]}/{parts[1]}" != ROOT or not parts[5]:
        return None
    return DeviceTopic(*parts[2:6]) if all(ID_PATTERN.match(part) for part in parts[2:5]) else None


def parse_device_topic(topic: str) -> DeviceTopic | None:
    """Split a device topic, or return None where it is not one or an id is malformed.

    >>> parse_device_topic("patrolgrid/v1/quarter/academy/noise-08/status").device
    'noise-08'
    >>> parse_device_topic("patrolgrid/v1/quarter/academy/no space/obs") is None
    True
    """
    if len(topic) > MAX_TOPIC:
        return None
    parts = topic.split("/")
    if len(parts) != 6 or f"{parts[0]}/{parts[1]}" != ROOT or parts[5] not in _LEAVES:
        return None
    if not all(ID_PATTERN.match(part) for part in parts[2:5]):
        return None
    return DeviceTopic(*parts[2:6])
