"""`doctor`: whether everything is as batchbox needs it. Changes nothing, pays nothing, shows no key."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.options import JsonOption, SpoolOption
from batchbox.cli.page import tell
from batchbox.clock import SystemClock
from batchbox.core.checkup import Check, Verdict, accuse, warn, worst
from batchbox.core.errors import NOT_ALL_WELL, UNFIT, Stop
from batchbox.core.slips import WrongSettings
from batchbox.core.storage import Page
from batchbox.engine.intake import ROOM_FACTOR
from batchbox.service import surroundings
from batchbox.service.key import read_key
from batchbox.settings import PUBLIC_URL, Settings, unknown_variables
from batchbox.spool import fitness, liveness, rights
from batchbox.spool.layout import Layout
from batchbox.spool.ownership import find_owned

LATELY = timedelta(days=1)
KEY_BEGINS = "sk-ant-"
CODES = {Verdict.OK: 0, Verdict.WARNING: NOT_ALL_WELL, Verdict.PROBLEM: UNFIT}


def doctor(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of the network.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find out what is not as it should be.

    Looks at settings, spool, disk, limits, network, key and clock. Changes nothing and costs nothing.
    """
    checks: list[Check] = []
    for check in _examine(spool.absolute() if spool else None, config, offline):
        checks.append(check)
        if not as_json:
            _tell(check)
    verdict = worst(checks)
    if as_json:
        found = [
            {"check": one.name, "verdict": one.verdict, "found": one.found, "fix": one.fix} for one in checks
        ]
        typer.echo(json.dumps({"verdict": verdict, "checks": found}, indent=2, ensure_ascii=False))
    else:
        _tell_sum(checks)
    raise typer.Exit(CODES[verdict])


def _tell(check: Check) -> None:
    lead = f"{check.verdict:7}  {check.name:10}  "
    tell(check.found, lead)
    tell(check.fix, " " * len(lead))


def _tell_sum(checks: list[Check]) -> None:
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    typer.echo("\n" + ", ".join(f"{_count(counts[one], one)}" for one in reversed(Verdict)))


def _count(number: int, verdict: Verdict) -> str:
    return f"{number} {verdict}{'' if number == 1 or verdict is Verdict.OK else 's'}"


def _examine(root: Path | None, config: Path | None, offline: bool) -> Iterator[Check]:
    layout = Layout(root) if root else None
    health = liveness.find_daemon(layout) if layout else None
    pid = health.pid if health and health.pid else os.getpid()
    user = rights.find_user(layout, health.pid if health else None) if layout else os.geteuid()
    yield _check_user(user, health is not None)
    if root:
        yield from surroundings.check_watches(user, fitness.count_folders(root))
    with rights.acting_as(user):
        try:
            settings, sound = read_settings(root, config), True
        except Stop as error:
            settings, sound = Settings.model_construct(), False
            yield from _accuse_settings(error)
        yield from _check_settings(settings if sound else None)
        yield from _check_spool(layout, settings) if layout else [_miss_spool()]
        if layout:
            now = SystemClock().now()
            yield from liveness.check_daemon(
                layout, health, surroundings.find_unit(pid) if health else "", now
            )
        yield from surroundings.check_memory(pid, settings.transfers, settings.max_part_bytes)
        yield from surroundings.check_open_files(pid)
        yield from surroundings.check_versions()
        if sound:
            yield from _check_api(layout, settings, offline, health is not None)


def _check_user(user: int, running: bool) -> Check:
    me, name = os.geteuid(), rights.user_of(user)
    does = "runs" if running else "will run"
    if me == user:
        return Check("user", f"you are {name}, as whom the daemon {does}")
    if me == 0:
        return Check("user", f"the daemon {does} as {name}: what follows was tried as that user")
    fix = f"what follows holds for you, not for the daemon: runuser -u {name} -- batchbox doctor"
    return warn("user", f"you are {rights.user_of(me)}, the daemon {does} as {name}", fix)


def _miss_spool() -> Check:
    return warn("spool", "none was named, so none was looked at", "give --spool DIR, or set BATCHBOX_SPOOL")


def _accuse_settings(error: Stop) -> list[Check]:
    if isinstance(error, WrongSettings):
        return [accuse("settings", str(slip), slip.fix) for slip in error.slips]
    return [accuse("settings", error.problem, error.fix)]


def _check_settings(settings: Settings | None) -> Iterator[Check]:
    if settings:
        count = len(settings.model_fields_set)
        yield Check("settings", f"valid; {count or 'none'} set, the others as built in")
    for name, near in unknown_variables(os.environ).items():
        fix = f"it is ignored: did you mean {near}?" if near else "it is ignored: unset it"
        yield warn("settings", f"the variable {name} is no setting", fix)


def _check_spool(layout: Layout, settings: Settings) -> Iterator[Check]:
    try:
        yield fitness.check_marker(layout)
    except Stop as error:
        yield accuse("spool", error.problem, error.fix)
        return
    yield from rights.check_folders(layout, os.geteuid())
    for check in (fitness.check_moves, fitness.check_lease):
        yield check(layout)
    try:
        yield from fitness.check_room(layout, settings.reserve_bytes, ROOM_FACTOR)
    except OSError as error:
        yield accuse("room", f"it cannot be looked at: {error}", "check owner and mode of the folders")


def _check_api(layout: Layout | None, settings: Settings, offline: bool, running: bool) -> Iterator[Check]:
    try:
        key = read_key(settings, os.environ)
    except Stop as error:
        key = ""
        # a service's key is for the service alone
        yield (
            warn("key", f"{error.problem}, for you; the daemon has its own", error.fix)
            if running
            else accuse("key", error.problem, error.fix)
        )
    yield from _check_key_file(settings)
    if key and settings.base_url == PUBLIC_URL and not key.startswith(KEY_BEGINS):
        yield warn("key", f"it does not begin with {KEY_BEGINS}", "is it the whole key, and that of the API?")
    yield surroundings.check_proxies(os.environ, settings.base_url)
    if offline:
        yield Check("network", "not looked at (--offline)")
        return
    yield from _check_network(layout, key, settings)


def _check_key_file(settings: Settings) -> Iterator[Check]:
    path = settings.api_key_file
    if path and path.exists() and (mode := path.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        found = f"{path} may be read by others (mode {stat.S_IMODE(mode):04o})"
        yield warn("key", found, f"whoever reads it can spend your money: chmod 0600 {path}")


def _check_network(layout: Layout | None, key: str, settings: Settings) -> Iterator[Check]:
    # imported here: the SDK takes a second, and is of no use offline
    from batchbox.api.client import AnthropicApi  # noqa: PLC0415
    from batchbox.api.reach import check_key, check_way  # noqa: PLC0415

    way = list(check_way(settings.base_url))
    yield from way
    if not key or worst(way) is Verdict.PROBLEM:
        return
    api = AnthropicApi(lambda: key, settings.base_url)
    try:
        checks, page, now = check_key(api, SystemClock())
    finally:
        api.close()
    yield from checks
    if layout and worst(checks) is not Verdict.PROBLEM:
        yield _check_strangers(layout, page, now)


def _check_strangers(layout: Layout, page: Page, now: datetime) -> Check:
    """Look for batches of others, of the last day: older ones of ours may have been cleared from done/."""
    lately = {batch.id for batch in page.batches if _is_late(batch.created_at, now)}
    strangers = len(lately - find_owned(layout, lately))
    if not strangers:
        return Check("workspace", f"{len(lately)} batches in a day, all of this spool")
    fix = (
        "nothing is paid twice by that, but a submission whose answer is lost takes longer to be cleared up: "
        "it waits until theirs of the same size have ended; a workspace for batchbox alone spares that"
    )
    return warn(
        "workspace", f"{strangers} of the {len(lately)} batches of the last day are not of this spool", fix
    )


def _is_late(created_at: str, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(created_at) > now - LATELY
    except (ValueError, TypeError):
        return True
