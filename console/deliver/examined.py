"""What `patrolgrid doctor` finds of delivery: whether anybody would be told."""

from typing import Any, Literal
from zoneinfo import ZoneInfo

from console.deliver.channel_file import read_channels
from console.deliver.telling import Telling
from deploy.node.lock import is_locked
from deploy.settings import Settings
from ingest.days.telling_settings import rules_of, with_file
from ingest.setup.settings import SettingsError

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
    clear = [name for name, one in declared.items() if one.in_clear()]
    if clear:
        return "warn", "clear", {"channels": ", ".join(clear)}, "clear-do"
    return "ok", "ok", {"channels": ", ".join(declared)}, ""
