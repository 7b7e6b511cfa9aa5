"""`pause`, `drain`, `resume`: the flags in control/, which hold for the whole spool, daemon or not."""

from pathlib import Path

from batchbox.cli.control.send_command import explaining, print_sent
from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.domain.operator_commands import FLAGS
from batchbox.domain.timestamps import format_time
from batchbox.storage.local.command_files import put_flag, read_flags, remove_flag
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.lock import read_marker

MEANS = {
    "PAUSE": "nothing is taken or sent; what runs at the API goes on, is fetched and published",
    "DRAIN": "nothing new is taken; what is under way is sent, fetched and published",
}


def pause(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Stop taking and submitting files until resume.

    What runs at the API already goes on, is fetched and published.
    """
    _put(require_spool(spool), "PAUSE", as_json)


def drain(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Take no new files until resume; finish the rest.

    What is under way is sent, fetched and published.
    """
    _put(require_spool(spool), "DRAIN", as_json)


def resume(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Resume after pause or drain."""
    root = require_spool(spool)
    read_marker(Layout(root))
    with explaining(root):
        down = [name for name in FLAGS if remove_flag(root, name)]
    names = " and ".join(f"control/{name}" for name in down)
    sentence = f"{names} taken down: everything goes on" if down else "nothing was paused or drained"
    print_sent(root, sentence, {"command": "resume", "taken_down": down}, as_json)


def _put(root: Path, name: str, as_json: bool) -> None:
    read_marker(Layout(root))
    with explaining(root):
        is_new = put_flag(root, name)
    (flag,) = [one for one in read_flags(Layout(root)) if one.name == name]
    facts = {"flag": name, "new": is_new, "since": format_time(flag.since), "by": flag.by}
    stands = "stands" if is_new else f"stands already, put up by {flag.by} at {format_time(flag.since)}"
    print_sent(root, f"control/{name} {stands}: {MEANS[name]}", facts, as_json)
