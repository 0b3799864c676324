"""Settings: what can be set (`sections`), and how a file and the environment are read (`load`)."""

from deploy.settings.load import at_broker, dump_toml, find_file, load_settings, with_texts, with_values
from deploy.settings.sections import PREFIX, SECRETS, SECTIONS, Settings

__all__ = [
    "PREFIX",
    "SECRETS",
    "SECTIONS",
    "Settings",
    "at_broker",
    "dump_toml",
    "find_file",
    "load_settings",
    "with_texts",
    "with_values",
]
