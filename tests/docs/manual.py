"""The manual page, in the macros of man(7), from the commands and the settings."""

import re
from collections.abc import Iterator
from typing import Any

from batchbox import __version__
from batchbox.cli.commands import COMMANDS, load_command
from batchbox.domain.errors import EXIT_CODES
from batchbox.settings.model import FIXED, PREFIX
from tests.docs.nouns import Setting, list_settings

DESCRIPTION = """\
Drop \\fINAME\\fP.jsonl, one request on each line, into the folder inbox/ of a spool; some time later
\\fINAME\\fP.results.jsonl lies in outbox/: complete, in the order of the requests, at half the price.
\\fINAME\\fP.receipt.json is always there, and always last.
Nothing is lost, nothing is paid twice, nothing half done is ever seen, and it keeps going: what stands in
the way is told by \\fBbatchbox status\\fP, what is set up wrongly by \\fBbatchbox doctor\\fP."""

FILES = {
    "SPOOL/batchbox.toml": "settings of that spool",
    "SPOOL/inbox/[QUEUE/]NAME.jsonl": "what is dropped",
    "SPOOL/outbox/[QUEUE/]NAME.results.jsonl": "the answers, in the order of the requests",
    "SPOOL/outbox/[QUEUE/]NAME.errors.jsonl": "what did not succeed, with the reason; only if there is any",
    "SPOOL/outbox/[QUEUE/]NAME.receipt.json": "how it ended: counts, cost, sizes, times",
    "SPOOL/hold/": "what waits for a person",
    "SPOOL/control/PAUSE": "stops taking and sending, as long as it is there",
    "SPOOL/control/DRAIN": "stops taking",
    "SPOOL/state/health.json": "how the daemon was when it last looked",
}
VARIABLES = {
    "BATCHBOX_SPOOL": "the spool, where --spool is not given",
    "BATCHBOX_CONFIG": "the settings, where --config is not given",
    "ANTHROPIC_API_KEY": "the key, where there is no credential api_key and no api_key_file",
    "ANTHROPIC_BASE_URL": "where the API is, if BATCHBOX_BASE_URL does not say so",
    "CREDENTIALS_DIRECTORY": "set by systemd: the file api_key in it is the key",
}
EXAMPLES = {
    "batchbox init /srv/batches": "make a spool",
    "batchbox run --spool /srv/batches": "work it, until SIGTERM",
    "batchbox drop questions.jsonl --spool /srv/batches --wait": "ask, and wait for the answers",
    "batchbox doctor --spool /srv/batches": "find out what is not as it should be",
}


def write_manual(schema: dict[str, Any]) -> str:
    """Return the page. *schema*: of the settings."""
    return "\n".join(_write(schema)) + "\n"


def _write(schema: dict[str, Any]) -> Iterator[str]:
    yield '.\\" Generated from the commands and the settings by: python -m tests.docs'
    yield f'.TH BATCHBOX 1 "" "batchbox {__version__}" "User Commands"'
    yield from (".SH NAME", "batchbox \\- a drop folder for the Message Batches API")
    yield from (".SH SYNOPSIS", ".B batchbox", ".I COMMAND", "[\\fIOPTION\\fP ...] [\\fIARGUMENT\\fP ...]")
    yield from (".SH DESCRIPTION", DESCRIPTION, ".SH COMMANDS")
    for name in COMMANDS:
        yield from _write_command(name)
    yield from (".SH SETTINGS", "Built-in < batchbox.toml < environment < flags.")
    yield f"Each is also a variable: poll_seconds is {_escape(PREFIX)}POLL_SECONDS."
    yield "A daemon reads them again on SIGHUP, but for those that are said to need a restart."
    for one in list_settings(schema):
        yield from _write_setting(one, "; needs a restart" if one.name in FIXED else "")
    yield ".SS Tables [queue.NAME]"
    yield "Files in inbox/NAME/ go by these first."
    for one in list_settings(schema["$defs"]["QueueSettings"] | {"$defs": schema["$defs"]}):
        yield from _write_setting(one, "")
    yield from _write_list("EXIT STATUS", {str(code): meaning for code, meaning in EXIT_CODES.items()})
    yield from _write_list("ENVIRONMENT", VARIABLES)
    yield from _write_list("FILES", FILES)
    yield from _write_list("EXAMPLES", EXAMPLES)


def _write_command(name: str) -> Iterator[str]:
    command = load_command(name)
    ctx = command.make_context(name, [], resilient_parsing=True)
    params = [param for param in command.get_params(ctx) if param.name != "help"]
    yield f'.SS "{_escape(" ".join(["batchbox", name, *map(_spell_argument, params)]).strip())}"'
    yield _escape(" ".join((command.help or "").split()))
    for param in params:
        name_and_kind, meaning = param.get_help_record(ctx)
        is_option = param.param_type_name == "option"
        yield from (
            ".TP",
            f".B {_escape(name_and_kind if is_option else _spell_argument(param))}",
            _escape(meaning),
        )


def _spell_argument(param: Any) -> str:
    """Return what stands for an argument in the usage, nothing for an option."""
    if param.param_type_name == "option":
        return ""
    return str(param.metavar or param.name.upper())


def _write_setting(one: Setting, note: str) -> Iterator[str]:
    default = "" if one.default == "none" else f"; {one.default}"
    yield from (
        ".TP",
        f".B {one.name}",
        _escape(f"{one.meaning} ({one.takes}{default}{note})".replace("`", "")),
    )


def _write_list(title: str, entries: dict[str, str]) -> Iterator[str]:
    yield f".SH {title}"
    for name, meaning in entries.items():
        yield from (".TP", f".B {_escape(name)}", _escape(meaning))


def _escape(text: str) -> str:
    """Return *text* as man(7) prints it: backslashes, dashes that are typed, dots that begin a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"^\.", r"\\&.", text)
