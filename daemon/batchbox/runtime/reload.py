"""Reload: settings that are read again while the daemon runs."""

from collections.abc import Callable

import structlog

from batchbox.domain.errors import Stop
from batchbox.settings.model import FIXED, Settings

log = structlog.get_logger()


def reload_settings(held: Settings, read: Callable[[], Settings]) -> Settings:
    """Return the settings that hold from now on: as *read* gives them, but for those that need a restart.

    What cannot be read changes nothing. Both are logged.
    """
    try:
        wanted = read()
    except Stop as error:
        log.error("settings.refused", problem=error.problem, fix=f"{error.fix}; until then the old ones hold")
        return held
    changed = {name for name in Settings.model_fields if getattr(held, name) != getattr(wanted, name)}
    later = changed & FIXED
    if later:
        fix = "they hold once batchbox is started again"
        log.warning("settings.postponed", settings=sorted(later), fix=fix)
    log.info("settings.reloaded", changed=sorted(changed - FIXED))
    return wanted.model_copy(update={name: getattr(held, name) for name in later})
