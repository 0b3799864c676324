"""All of the doctor's checks, in the order in which people read them."""

from pathlib import Path
from typing import Final

from console.common import SUPERVISED, FoundSite, failing_parts
from console.deliver.examined import examine_delivery
from console.doctor import admission, agents, doors, machine, own_files, servers
from console.doctor.verdicts import Check, Finding, fail, in_words, ok, or_ok, warn
from deploy.node.lock import is_locked
from deploy.settings import Settings
from ingest.clock import wall_ms
from ingest.setup.settings import SettingsError
from stream.sentences.catalogue import Sentences

_BEHIND_S: Final = 60.0
_SILENT_S: Final = 30.0
"""A node that has not written its status for so long hangs."""


def examine(texts: Sentences, file: Path | None, settings: Settings | None, wrong: SettingsError | None) -> list[Check]:
    """Make all checks: of this machine, and, where they can be read, of what the settings name.

    A check that finds several things says each of them.

    Parameters
    ----------
    file
        The settings file; None for the defaults.
    settings, wrong
        The settings, or why they cannot be read.
    """
    station = file is not None or (settings is not None and settings.site_dir.is_dir())
    found: dict[str, Finding | list[Finding]] = {
        "python": machine.python(),
        "packages": machine.packages(settings, station=station),
        "clock": machine.clock(settings),
    }
    if wrong is not None:
        found["settings"] = fail("", "do", error=str(wrong))
    else:
        found["settings"] = ok("default") if file is None else ok("ok", file=file)
    if settings is not None:
        found |= _of_site(settings)
        found["agents"] = agents.agents(texts, settings)
    return [
        in_words(texts, name, one)
        for name, answer in found.items()
        for one in ([answer] if isinstance(answer, Finding) else answer)
    ]


def examine_at_start(texts: Sentences, settings: Settings) -> list[Check]:
    """Make the checks that take no time, of what lets a site start and not do its work; return what fails.

    For a site that has just been started: what it waits for, or does without, is said where somebody looks.
    """
    found = {
        "places": [own_files.places(settings)],
        "calendar": [own_files.calendar(settings)],
        "secrets": own_files.secrets(settings),
        "reach": doors.reach(settings),
        "ports": [doors.ports(settings)],
        "broker": servers.broker(settings),
        "deliver": [Finding(*examine_delivery(settings))],
        "channels": servers.channels(settings),
        "influx": [servers.influx(settings)],
    }
    # Delivery has only just been started.
    failed = {
        name: [one for one in some if one.state == "fail" and one.code != "stopped"] for name, some in found.items()
    }
    return [in_words(texts, name, one) for name, some in failed.items() for one in some]


def _of_site(settings: Settings) -> dict[str, Finding | list[Finding]]:
    found: dict[str, Finding | list[Finding]] = {
        "zone": machine.zone(settings),
        "places": own_files.places(settings),
        "calendar": own_files.calendar(settings),
        "windows": own_files.windows(settings),
        "disk": machine.disk(settings),
        "files": own_files.files(settings),
        "secrets": own_files.secrets(settings),
        "reach": doors.reach(settings),
        "ports": doors.ports(settings),
    }
    brokers = servers.broker(settings)
    found["broker"] = brokers
    if all(one.code == "ok" for one in brokers):
        found["queue"] = servers.queue(settings)
    found["deliver"] = Finding(*examine_delivery(settings))
    found["channels"] = servers.channels(settings)
    found["influx"] = servers.influx(settings)
    found["grafana"] = servers.grafana(settings)
    found["kafka"] = servers.kafka(settings)
    found["certificates"] = servers.certificates(settings)
    found["admission"] = admission.admission(settings)
    found["node"] = node(settings)
    return found


def node(settings: Settings) -> list[Finding]:
    """Look whether the node runs, keeps up, and says so."""
    here = FoundSite(settings.site.id, settings.site_dir)
    found = [
        fail("ended", "ended-do", part=part, times=one["times"], why=one["how"])
        for part, one in here.ended_parts().items()
    ]
    state = here.node()
    if not state["running"]:
        supervised = is_locked(here.folder, SUPERVISED)
        return or_ok(found, "starting" if supervised else "stopped", site=here.id)
    status = here.status()
    lag, failing = status.get("lag") or {}, failing_parts(status)
    if failing:
        found.append(warn("failing", "failing-do", parts="; ".join(f"{part}: {why}" for part, why in failing.items())))
    silent_s = (wall_ms() - int(status.get("wall_ms") or wall_ms())) / 1000
    if silent_s > _SILENT_S:
        found.append(fail("silent", "silent-do", seconds=silent_s, pid=str(state.get("pid", "?"))))
    records, seconds = int(lag.get("records") or 0), float(lag.get("seconds") or 0.0)
    if seconds > _BEHIND_S:
        found.append(warn("behind", "behind-do", records=records, seconds=seconds))
    return or_ok(found, "running", site=here.id, pid=str(state.get("pid", "?")))
