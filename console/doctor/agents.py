"""The doctor on edge agents: those that are not well, those that are away, and what speaks and is bound to nothing."""

from contextlib import closing
from typing import Any, Final

from console.doctor.verdicts import Finding, ok, or_ok, warn
from deploy.settings import Settings
from ingest.setup.extras import MissingExtraError, load
from stream.sentences.catalogue import Sentences

_STRANGE_MS: Final = 86_400_000
"""What has said nothing for so long is perhaps gone."""
_SHOWN: Final = 5


def agents(texts: Sentences, settings: Settings) -> list[Finding]:
    """Look at what edge agents last said."""
    try:
        store = load("stream.sinks.store.reader")
        with closing(store.StoreReader(settings.site_dir / "store.db", untouched=True)) as reader:
            said, strangers = reader.agents(), load("console.devices.waiting").waiting_now(settings.site_dir)
            now_ms = int(reader.progress()["now_ms"])
    except (MissingExtraError, RuntimeError):  # told by the checks of packages and of files
        return [ok("none")]
    away = [str(one["device"]) for one in said if any(trouble["what"] == "away" for trouble in one["troubles"])]
    ill = [f"{one['device']} ({_words(texts, one)})" for one in said if one["troubles"] and one["device"] not in away]
    strange = [str(one.shown) for one in strangers if now_ms - one.last_ms < _STRANGE_MS]
    found = [
        warn(code, f"{code}-do", count=len(names), names=", ".join(names[:_SHOWN]) + (", …" if names[_SHOWN:] else ""))
        for code, names in (("trouble", ill), ("away", away), ("strangers", strange))
        if names
    ]
    return or_ok(found, "ok" if said else "none", count=len(said))


def _words(texts: Sentences, agent: dict[str, Any]) -> str:
    return ", ".join(texts(f"board-trouble-agent_{one['what']}") for one in agent["troubles"])
