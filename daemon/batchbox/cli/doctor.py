"""`doctor`: whether everything is as batchbox needs it. Changes nothing, pays nothing, shows no key."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.options import JsonOption, SpoolOption
from batchbox.cli.text_layout import print_json, print_wrapped
from batchbox.diagnostics import daemon_checks, host_checks, permission_checks, spool_checks
from batchbox.domain.batch import Page
from batchbox.domain.errors import NOT_ALL_WELL, UNFIT, Stop
from batchbox.engine.steps.free_space import ROOM_FACTOR
from batchbox.notify.targets import find_problems
from batchbox.ports.clock import SystemClock
from batchbox.reports.check_result import Check, Verdict, accuse, count, warn, worst
from batchbox.runtime.key import read_key
from batchbox.settings.errors import InvalidSettings
from batchbox.settings.model import PUBLIC_URL, Settings
from batchbox.settings.sources import unknown_variables
from batchbox.storage.local.known_batches import find_owned
from batchbox.storage.local.layout import Layout
from batchbox.telemetry.logs import set_up_logs

LATELY = timedelta(days=1)
KEY_BEGINS = "sk-ant-"
LEND_KEY = (  # a service's key is for the service alone
    "to have it tried: systemd-run --pipe -p User=batchbox -p LoadCredential=api_key:FILE batchbox doctor"
)
NOT_ASKED = Check("network", "not looked at (--offline)")
DEFAULTS = Settings.model_construct()  # in the place of settings that are wrong
CODES = {Verdict.OK: 0, Verdict.WARNING: NOT_ALL_WELL, Verdict.PROBLEM: UNFIT}


def doctor(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of the network.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find problems.

    Looks at settings, spool, disk, limits, network, key and clock. Changes nothing and costs nothing.
    """
    set_up_logs("auto")  # else what is only there to be counted would be printed among the checks
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
        print_json({"verdict": verdict, "checks": found})
    else:
        _tell_sum(checks)
    raise typer.Exit(CODES[verdict])


def _tell(check: Check) -> None:
    lead = f"{check.verdict:7}  {check.name:10}  "
    print_wrapped(check.found, lead)
    print_wrapped(check.fix, " " * len(lead))


def _tell_sum(checks: list[Check]) -> None:
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    told = [count(counts[one], one) for one in (Verdict.PROBLEM, Verdict.WARNING)]
    typer.echo(f"\n{', '.join(told)}, {counts[Verdict.OK]} ok")


def _examine(root: Path | None, config: Path | None, offline: bool) -> Iterator[Check]:
    layout = Layout(root) if root else None
    health = daemon_checks.find_daemon(layout) if layout else None
    pid = health.pid if health and health.pid else os.getpid()
    user = permission_checks.find_user(layout, health.pid if health else None) if layout else os.geteuid()
    yield _check_user(user, health is not None)
    if root:
        yield from host_checks.check_watches(user, spool_checks.count_folders(root))
    with permission_checks.acting_as(user):  # nothing may be imported in here: that user may not be able to
        yield permission_checks.check_program()
        settings, checks = _read(root, config)
        yield from checks
        yield from _check_spool(layout, settings or DEFAULTS, user) if layout else [_miss_spool()]
        key, checks = _read_key(settings, health is not None) if settings else ("", [])
    if layout:
        unit = host_checks.find_unit(pid) if health else ""
        yield from daemon_checks.check_daemon(layout, health, unit, SystemClock().now())
    transfers, longest = (settings or DEFAULTS).transfers, (settings or DEFAULTS).max_part_bytes
    yield from host_checks.check_memory(pid, transfers, longest)
    yield from host_checks.check_open_files(pid)
    yield from host_checks.check_versions()
    yield from checks
    if settings:
        yield host_checks.check_proxies(os.environ, settings.base_url)
        yield from [NOT_ASKED] if offline else _check_network(layout, key, settings)


def _check_user(user: int, running: bool) -> Check:
    me, name = os.geteuid(), permission_checks.user_of(user)
    does = "runs" if running else "will run"
    if me == user:
        return Check("user", f"you are {name}, as whom the daemon {does}")
    if me == 0:
        return Check("user", f"the daemon {does} as {name}: what follows was tried as that user")
    fix = f"moves and leases are not tried, the rest holds for you: runuser -u {name} -- batchbox doctor"
    return warn("user", f"you are {permission_checks.user_of(me)}, the daemon {does} as {name}", fix)


def _miss_spool() -> Check:
    return warn("spool", "none was named, so none was looked at", "give --spool DIR, or set BATCHBOX_SPOOL")


def _read(root: Path | None, config: Path | None) -> tuple[Settings | None, list[Check]]:
    """Return the settings, None if they are wrong, and what there is to say about them."""
    unknown = [
        warn(
            "settings",
            f"the variable {name} is no setting",
            f"it is ignored: did you mean {near}?" if near else "it is ignored: unset it",
        )
        for name, near in unknown_variables(os.environ).items()
    ]
    try:
        settings = read_settings(root, config)
    except InvalidSettings as error:
        more = (
            [accuse("settings", f"{error.more:,} more mistakes", "correct these first")] if error.more else []
        )
        return None, [*(accuse("settings", str(slip), slip.fix) for slip in error.slips), *more, *unknown]
    except Stop as error:
        return None, [accuse("settings", error.problem, error.fix), *unknown]
    told = f"valid; {len(settings.model_fields_set) or 'none'} set, the others as built in"
    notices = [
        accuse("notices", f"queue {queue}: {flaw.problem}", flaw.fix)
        for queue, flaw in find_problems(settings, os.environ)
    ]
    return settings, [Check("settings", told), *unknown, *notices]


def _check_spool(layout: Layout, settings: Settings, user: int) -> Iterator[Check]:
    try:
        yield spool_checks.check_marker(layout)
    except Stop as error:
        yield accuse("spool", error.problem, error.fix)
        return
    yield from permission_checks.check_folders(layout, user)
    if os.geteuid() == user:
        yield spool_checks.check_moves(layout)
        yield spool_checks.check_lease(layout)
    try:
        yield from spool_checks.check_room(layout, settings.reserve_bytes, ROOM_FACTOR)
    except OSError as error:
        yield accuse("room", f"it cannot be looked at: {error}", "check owner and mode of the folders")


def _read_key(settings: Settings, running: bool) -> tuple[str, list[Check]]:
    """Return the key, empty if there is none, and what there is to say about it."""
    checks = list(_check_key_file(settings))
    try:
        key = read_key(settings, os.environ)
    except Stop as error:
        if running:
            return "", [warn("key", f"{error.problem}, for you; the daemon has its own", LEND_KEY), *checks]
        return "", [accuse("key", error.problem, error.fix), *checks]
    if settings.base_url == PUBLIC_URL and not key.startswith(KEY_BEGINS):
        fix = "is it the whole key, and that of the API?"
        checks.append(warn("key", f"it does not begin with {KEY_BEGINS}", fix))
    return key, checks


def _check_key_file(settings: Settings) -> Iterator[Check]:
    path = settings.api_key_file
    if path and path.exists() and (mode := path.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        found = f"{path} may be read by others (mode {stat.S_IMODE(mode):04o})"
        yield warn("key", found, f"whoever reads it can spend your money: chmod 0600 {path}")


def _check_network(layout: Layout | None, key: str, settings: Settings) -> Iterator[Check]:
    # imported here: the SDK takes a second, and is of no use offline
    from batchbox.api.api_checks import check_connection, check_key  # noqa: PLC0415
    from batchbox.api.client import AnthropicApi  # noqa: PLC0415

    way = list(check_connection(settings.base_url, settings.api_socket))
    yield from way
    if not key or worst(way) is Verdict.PROBLEM:
        return
    api = AnthropicApi(lambda: key, settings.base_url, door=settings.api_socket)
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
        return Check("workspace", f"{count(len(lately), 'batch', 'batches')} in a day, all of this spool")
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
