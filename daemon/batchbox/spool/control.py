"""Control: how a command reaches the daemon, whether it runs or not."""

import os
from pathlib import Path

from batchbox.core.commands import Command
from batchbox.spool import durable
from batchbox.spool.layout import Layout


def leave_command(root: Path, command: Command) -> None:
    """Put *command* into control/, durably; there already is fine. Raise `OSError` if that may not be."""
    control = Layout(root).root / "control"
    durable.make_folder(control)
    os.close(os.open(control / command.name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    durable.sync_folder(control)
