"""The composition root: the real clock, disk and API, put together and run under signals."""

import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog

from batchbox import __version__
from batchbox.api.client import AnthropicApi
from batchbox.domain.errors import INTERRUPTED
from batchbox.domain.output_names import show
from batchbox.engine.loop import Loop
from batchbox.engine.mailbox import Hint, Mailbox, ReloadAsked, StopAsked
from batchbox.engine.steps.context import Context
from batchbox.notify.delivery import Delivery
from batchbox.notify.targets import Targets, find_problems
from batchbox.ports.clock import SystemClock
from batchbox.reports.status_snapshot import StatusListeners
from batchbox.runtime.reload import reload_settings
from batchbox.settings.model import Settings
from batchbox.settings.sources import unknown_variables
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import LockHeld
from batchbox.storage.local.queue_folders import make_queues
from batchbox.storage.local.status_file import replace_loosely
from batchbox.storage.local.watcher import watch_inbox
from batchbox.telemetry.log_throttle import Alarms
from batchbox.telemetry.logs import listen_in
from batchbox.telemetry.metrics import Metrics
from batchbox.telemetry.metrics_export import Export
from batchbox.telemetry.systemd import SystemdNotifier

LOCK_TRIES = 20
LOCK_STEP = 0.05
SETTLE_SECONDS = 90.0  # as long as a receiver may take, and a little more
READABLE = 0o644  # by node_exporter

log = structlog.get_logger()


def open_spool(root: Path) -> LocalSpool:
    """Take the spool. A command that looks holds the lock for an instant, so a few tries are made."""
    clock = SystemClock()
    for _ in range(LOCK_TRIES):
        try:
            return LocalSpool(root, epoch=time.time_ns() // 1_000_000)
        except LockHeld:
            clock.wait(LOCK_STEP)
    return LocalSpool(root, epoch=time.time_ns() // 1_000_000)


def run_daemon(
    root: Path,
    read: Callable[[], Settings],
    read_key: Callable[[], str],
    notifier: SystemdNotifier,
    until_idle: bool = False,
) -> None:
    """Work the spool at *root* until a signal comes or, with *until_idle*, nothing is left to do.

    *read* gives the settings: now, and again on SIGHUP. *notifier*: the service manager's ear.
    """
    settings = read()
    gc.freeze()  # thousands of classes of the SDK: the end of the process would take most of a second
    spool = open_spool(root)
    for queue, error in make_queues(spool.layout, settings.queue):
        log.warning("queue.absent", queue=queue, problem=str(error), fix=f"make the folder inbox/{queue}")
    api = AnthropicApi(read_key, settings.base_url, settings.answer_seconds, settings.api_socket)
    metrics, export = _export(spool, settings)
    pulse = StatusListeners(notifier, Alarms(), export)
    ctx = Context(spool, api, SystemClock(), settings, secrets.token_bytes, pulse=pulse)
    mailbox = Mailbox()

    def reread(held: Settings) -> Settings:
        notifier.begin_reload()
        return reload_settings(held, read)

    with _signals(mailbox):
        stop_watching = watch_inbox(root, lambda: mailbox.put(Hint()))
        _announce(root, spool, settings)
        loop = Loop(ctx, mailbox, reread=reread)
        try:
            with _courier(ctx, spool, metrics, until_idle):
                loop.run(until_idle)
        finally:
            stop_watching()
            export.close()
            spool.close()
            api.close()
    log.info("daemon.stopped", jobs=len(loop.memory.jobs))


@contextmanager
def _courier(ctx: Context, spool: LocalSpool, metrics: Metrics, waits: bool) -> Iterator[None]:
    """Bring letters for the length of the block, to whom the settings say by then.

    *waits*: where it ends by itself, each is tried once before.
    """
    for queue, flaw in find_problems(ctx.settings, os.environ):
        log.error("notice.unready", queue=queue, problem=flaw.problem, fix=flaw.fix)
    receivers = Targets(lambda queue: spool.layout.queue("outbox", queue), ctx.clock, os.environ)
    courier = Delivery(
        spool.letters, receivers, lambda queue: ctx.settings.for_queue(queue).notice, ctx.clock
    )
    metrics.watch_notices(lambda: courier.pending)
    ctx.announced = courier.wake
    courier.start()
    try:
        yield
        if waits:
            courier.settle(SETTLE_SECONDS)
    finally:
        courier.close()


def _export(spool: LocalSpool, settings: Settings) -> tuple[Metrics, Export]:
    """Count from now on; what is counted is handed out at each beat."""
    metrics = Metrics(SystemClock(), __version__, show(os.fsencode(spool.layout.root)))
    path = spool.layout.metrics
    export = Export(
        metrics, SystemClock(), lambda data: replace_loosely(path, data, READABLE), settings.metrics_listen
    )
    listen_in(export.count)
    return metrics, export


def _announce(root: Path, spool: LocalSpool, settings: Settings) -> None:
    for name, near in unknown_variables(os.environ).items():
        log.warning("setting.unknown", variable=name, fix=f"did you mean {near}?" if near else "unset it")
    log.info(
        "daemon.started",
        version=__version__,
        spool=str(root),
        api=settings.base_url,
        sees_writers=spool.sees_writers,
    )


@contextmanager
def _signals(mailbox: Mailbox) -> Iterator[None]:
    """Turn SIGHUP into mail, and the first SIGTERM or SIGINT; the second into the end."""
    asked = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            sys.exit(INTERRUPTED)
        asked = True
        mailbox.put(StopAsked())

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: mailbox.put(ReloadAsked()))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
