"""What `patrolgrid doctor` finds of delivery: whether anybody would be told."""

from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from console.common import local_time
from console.deliver.channel_file import Declared, read_channels
from console.deliver.outbox_file import STATUS
from console.deliver.telling import Telling
from deploy.node.lock import is_locked
from deploy.settings import Settings
from ingest.clock import wall_ms
from ingest.days.telling_settings import rules_of, with_file
from ingest.files import read_json
from ingest.setup.settings import SettingsError

_ANEW_MS: Final = 86_400_000
"""So long it is told that the outbox had to be made anew."""
Found = tuple[Literal["ok", "warn", "fail"], str, dict[str, Any], str]
"""State, the codes of what is found and of what to do (below ``doctor-deliver-``), and the values between them."""


def examine_delivery(settings: Settings) -> Found:
    """Tell what is wrong with channels, rules and the process that delivers."""
    file = settings.channels_file
    try:
        rules = with_file(settings.telling)
        if not file.exists():
            return ("fail", "none", {"file": file}, "none-do") if rules.rules else ("ok", "off", {}, "")
        declared = read_channels(file)
        Telling(rules_of(rules), declared, ZoneInfo(settings.site.timezone), list)
    except SettingsError as error:
        return "fail", "", {"error": str(error)}, "bad-do"
    if not rules.rules:
        return "warn", "silent", {"file": file}, "silent-do"
    if is_locked(settings.site_dir) and not is_locked(settings.site_dir, "deliver"):
        return "fail", "stopped", {}, "stopped-do"
    return _of_outbox(settings) or _of_channels(declared)


def _of_outbox(settings: Settings) -> Found | None:
    anew = read_json(settings.site_dir / STATUS).get("anew") or {}
    if wall_ms() - int(anew.get("at_ms", 0)) >= _ANEW_MS:
        return None
    when = local_time(anew["at_ms"], ZoneInfo(settings.site.timezone))
    return "warn", "anew", {"when": when, "kept": "yes" if anew["kept"] else "no"}, "anew-do"


def _of_channels(declared: Declared) -> Found:
    clear = [name for name, one in declared.items() if one.in_clear()]
    if clear:
        return "warn", "clear", {"channels": ", ".join(clear)}, "clear-do"
    return "ok", "ok", {"channels": ", ".join(declared)}, ""
