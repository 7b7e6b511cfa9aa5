"""Liveness: whether a daemon is at work on a spool, when it last said how it is, and what it waits for."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from batchbox.domain.operator_commands import FLAGS
from batchbox.reports.check_result import Check, accuse, count, warn
from batchbox.reports.health import Health
from batchbox.storage.local.hold import find_jobs
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.lock import is_held
from batchbox.storage.local.status_file import read_health

SILENCE_SECONDS = 60


def find_daemon(layout: Layout) -> Health | None:
    """Return what the daemon put down last, None if none is running."""
    with suppress(OSError):
        return read_health(layout.health) if is_held(layout) else None
    return None


def check_daemon(layout: Layout, health: Health | None, unit: str, now: datetime) -> Iterator[Check]:
    """Tell whether it runs, is awake, waits, and what waits for a person. *unit*: systemd's, if any."""
    if health is None:
        fix = f"nothing is taken or sent until it is: batchbox run --spool {layout.root}"
        yield warn("daemon", "not running", fix)
    else:
        yield _check_pulse(health, f" as {unit}" if unit else "", now)
        for what, trouble in (("sending", health.sending), ("asking", health.asking)):
            if trouble:
                yield warn("daemon", f"{what} waits: {trouble.problem}", trouble.fix)
    for flag, meaning in FLAGS.items():
        if os.path.lexists(layout.root / "control" / flag):
            yield warn(
                "flags", f"control/{flag} stands: {meaning}", f"to go on: rm {layout.root}/control/{flag}"
            )
    with suppress(OSError):
        yield from _check_held(layout)


def _check_held(layout: Layout) -> Iterator[Check]:
    held = len(find_jobs(layout))
    if held:
        fix = f"batchbox status --spool {layout.root} tells why, and what to do"
        yield warn("held", f"{count(held, 'job')} in hold/ for a person to decide", fix)


def _check_pulse(health: Health, where: str, now: datetime) -> Check:
    who = f"running{where}, pid {health.pid or 'unknown'}"
    if health.time is None:
        fix = "it writes state/health.json each few seconds: is there room, and may it write there?"
        return warn("daemon", f"{who}; it has not said how it is", fix)
    silent = (now - health.time.astimezone(UTC)).total_seconds()
    if silent > SILENCE_SECONDS:
        fix = "it may hang, or its clock was set: look at its log; to end it at any moment is safe"
        return accuse("daemon", f"{who}; it last said how it is {silent:,.0f} s ago", fix)
    return Check("daemon", f"{who}; it said how it is {max(silent, 0):.0f} s ago")
