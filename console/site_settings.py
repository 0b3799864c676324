"""The settings that a site's node runs with, for commands that work on its data."""

from __future__ import annotations

import argparse
from typing import Final

from console.common import FoundSite, chosen_site, settings_of
from deploy.settings.load import find_file, load_settings, with_values
from deploy.settings.sections import Settings

_NODE_FILE: Final = "node.toml"
"""What `patrolgrid up`, `demo` and `replay` leave in a site's folder: the settings they gave its node."""


def settings_of_site(options: argparse.Namespace, *, new: bool = False) -> tuple[Settings, FoundSite]:
    """Return the settings of the site that the options choose, and the site.

    Where no settings file is named, what the site's node was started with goes before the defaults. With `new`, a
    configured site that has no data yet is taken, too.

    Raises
    ------
    CommandError
        Where there is no such site.
    SettingsError
        Where the settings cannot be read.
    """
    settings = settings_of(options)
    if new and options.site in {None, settings.site.id} and find_file(options.config) is not None:
        return settings, FoundSite(settings.site.id, settings.site_dir)
    site = chosen_site(settings, options.site)
    left = site.folder / _NODE_FILE
    if find_file(options.config) is None and left.exists():
        settings = load_settings(left)
    return with_values(settings, data={"dir": site.folder.parent}, site={"id": site.id}), site
