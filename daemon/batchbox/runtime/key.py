"""The key: from a systemd credential, a file, or ANTHROPIC_API_KEY, and handed to the API client alone."""

import re
from collections.abc import Mapping
from pathlib import Path

from batchbox.domain.errors import NO_KEY, Stop
from batchbox.settings.model import Settings

FIX = "set ANTHROPIC_API_KEY, or api_key_file; to try without a key: batchbox demo"
FIX_UNIT = "put it into the file that the unit's LoadCredential names, and start the unit again"
KEY = re.compile(r"[!-~]+")


def read_key(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the API key. Raise `Stop` if there is none."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials) / "api_key" if credentials else None
    places = [credential] if credential and credential.exists() else []
    places += [settings.api_key_file] if settings.api_key_file else []
    for place in places:
        try:
            key = place.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            fix = "put the key there, readable for the user batchbox runs as"
            raise Stop(f"no key in {place}: {error.strerror}", fix, code=NO_KEY) from None
        if key:
            return _require_one_word(key, str(place))
    key = environ.get("ANTHROPIC_API_KEY", "").strip()
    if not key:
        raise Stop("there is no API key", FIX_UNIT if credentials else FIX, code=NO_KEY)
    return _require_one_word(key, "ANTHROPIC_API_KEY")


class KeyRing:
    """Gives the key as it is now, or the last one while it cannot be read."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._last = ""

    def __call__(self) -> str:
        """Return the key."""
        try:
            self._last = read_key(self._settings, self._environ)
        except Stop:
            if not self._last:
                raise
        return self._last


def _require_one_word(key: str, place: str) -> str:
    """Refuse what no HTTP header can hold: the error would be shown, and the key in it."""
    if not KEY.fullmatch(key):
        fix = "put the key there, alone, on one line, in plain characters"
        raise Stop(f"what is in {place} is not an API key", fix, code=NO_KEY)
    return key
