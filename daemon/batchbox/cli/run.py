"""`run`: the daemon, in the foreground."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.options import SpoolOption, require_spool
from batchbox.domain.errors import Stop
from batchbox.runtime.key import KeyRing, read_key
from batchbox.runtime.privacy import forbid_dumps
from batchbox.telemetry.logs import set_up_logs
from batchbox.telemetry.systemd import SystemdNotifier


def run(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Work off what is there, then exit (for cron).")
    ] = False,
) -> None:
    """Run the daemon in the foreground."""
    notifier = SystemdNotifier(os.environ)
    try:
        _work(require_spool(spool), config, notifier, until_idle)
    except Stop as error:
        notifier.give_up(error)
        raise
    finally:
        notifier.close()


def _work(root: Path, config: Path | None, notifier: SystemdNotifier, until_idle: bool) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something that could be read again
    settings = read_settings(root, config)
    set_up_logs(settings.log_format)
    forbid_dumps()
    read_key(settings, os.environ)  # told now rather than at the first file
    # imported here: the SDK takes a second, and what is wrong so far is told without it
    from batchbox.runtime.daemon import run_daemon  # noqa: PLC0415

    run_daemon(root, lambda: read_settings(root, config), KeyRing(settings, os.environ), notifier, until_idle)
