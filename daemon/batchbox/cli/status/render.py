"""The overview: a spool on one page, line by line."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from batchbox.cli.status.job_words import ago, describe, moment
from batchbox.cli.status.queue_table import write_queues
from batchbox.cli.status.retention_view import write_archives, write_deadlines
from batchbox.cli.text_layout import WIDTH, flow, measure, pad, printable
from batchbox.cost.amounts import format_maximum
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import FLAGS, read_command
from batchbox.readmodel.survey import HeldJob, PendingCommand, Survey, is_hidden
from batchbox.reports.health import Progress, Trouble
from batchbox.reports.status_snapshot import name_stage
from batchbox.storage.local.manifest_summary import ManifestSummary

MEGA = 1e6
NAME_WIDTH = 28
SHOWN = 20
SILENT = 60  # seconds without a word, after which a daemon may be stuck


def write_overview(found: Survey, now: datetime) -> Iterator[str]:
    """Yield the lines: the daemon, what people asked of it, what waits, runs and is held. 80 columns."""
    yield from _write_daemon(found, now)
    yield from write_queues(found)
    yield from _write_inbox(found)
    yield from _write_jobs(found, now)
    yield from _write_held(found, now)
    yield from _write_spent(found)
    yield from write_deadlines(found, now)
    yield f"Finished: {found.finished:,}, in done/; their answers are in outbox/"
    yield from write_archives(found)


def _write_daemon(found: Survey, now: datetime) -> Iterator[str]:
    health, root = found.health, printable(str(found.root))
    if found.running:
        yield from _name(root, f"running (pid {health.pid or '?'}, {ago(health.time, now)})")
        if health.time and (now - health.time).total_seconds() > SILENT:
            yield from flow("it has told nothing since: it is stuck, or its spool is gone; see its log")
    elif found.remote:
        yield from _name(root, f"seen over the network ({found.remote})")
        yield from flow(f"batchbox, where it runs, last looked {ago(health.time, now)}")
    else:
        yield from _name(root, "batchbox is not running")
        yield f"  start it: batchbox run --spool {root}"
    for flag in found.flags:
        told = f"control/{flag.name} stands: {FLAGS[flag.name]}; put up by {flag.by} {ago(flag.since, now)}"
        yield from flow(f"{told}; batchbox resume takes it down")
    for what, trouble in (("sending", health.sending or health.crowded), ("asking", health.asking)):
        if trouble:
            yield from flow(f"{what} waits: {trouble.problem}")
            yield from flow(trouble.fix)
    yield from _write_commands(found.commands, now)
    yield ""


def _name(root: str, state: str) -> list[str]:
    """Return the spool's path and its state, on one line if there is room."""
    line = f"{root}: {state}"
    return [line] if measure(line) <= WIDTH else [f"{root}:", f"  {state}"]


def _write_commands(commands: list[PendingCommand], now: datetime) -> Iterator[str]:
    for asked in commands[:SHOWN]:
        command, note = read_command(asked.note.name), asked.note
        what = f"{command.verb} {command.job}" if command else f"control/{note.name}"
        yield from flow(f"{what}, asked for by {note.by} {ago(note.since, now)}: {asked.problem}")
        yield from flow(asked.fix, "    ")
    if len(commands) > SHOWN:
        yield f"  and {len(commands) - SHOWN:,} more commands"


def _write_inbox(found: Survey) -> Iterator[str]:
    total = count_waiting(found)
    if not total:
        return
    yield f"Waiting in the inbox: {total:,}"
    for waiting in found.waiting[:SHOWN]:
        queue = "" if waiting.queue == "default" else f"{waiting.queue}/"
        yield from _write_row(f"{queue}{waiting.file}", waiting.problem, waiting.fix)
    yield from _write_rest(total, min(SHOWN, len(found.waiting)))


def count_waiting(found: Survey) -> int:
    """Return how many files wait in the inbox; of many, the daemon names only some."""
    return max(len(found.waiting), found.health.waiting_total)


def _write_rest(total: int, shown: int = SHOWN) -> Iterator[str]:
    if total > shown:
        yield f"  and {total - shown:,} more" if shown else "  they are about to be taken"
    yield ""


def _write_row(name: str, *texts: str) -> Iterator[str]:
    lead = f"  {pad(name, NAME_WIDTH)}  "
    blank = " " * (NAME_WIDTH + 4)
    for text in filter(None, texts):
        yield from flow(text, lead, blank)
        lead = blank


def _write_jobs(found: Survey, now: datetime) -> Iterator[str]:
    if is_hidden(found.root):
        yield from flow("Files under way are not yours to see: ask as the spool's user", "")
        yield ""
    everyone: list[Manifest | ManifestSummary] = [*found.jobs, *found.others]
    if not everyone:
        return
    yield f"Under way: {len(everyone):,}"
    if len(everyone) > SHOWN:
        stages = Counter(name_stage(job.state, (part.state for part in job.parts)) for job in everyone)
        yield from flow(", ".join(f"{count:,} {stage}" for stage, count in stages.most_common()))
    for job in found.jobs[:SHOWN]:
        trouble = find_trouble(found, job)
        progress = write_progress(found.health.transfers.get(job.job))
        yield from _write_row(job.source.place, describe(job, now), progress, trouble.problem, trouble.fix)
    yield from _write_rest(len(everyone))


def find_trouble(found: Survey, job: Manifest) -> Trouble:
    """Return what stands in the way of *job* alone; an empty problem if nothing does."""
    return found.health.jobs.get(job.job) or Trouble(problem="")


def write_progress(transfer: Progress | None) -> str:
    """Say how far a transfer is; empty if there is none."""
    if not transfer:
        return ""
    of_all = f" of {transfer.total / MEGA:,.1f}" if transfer.total else ""
    what = " ".join(filter(None, (transfer.doing, transfer.part)))
    return f"{what}: {transfer.bytes / MEGA:,.1f}{of_all} MB, {transfer.rate / MEGA:,.1f} MB/s"


def _write_held(found: Survey, now: datetime) -> Iterator[str]:
    total = len(found.held) + found.others_held
    if not total:
        return
    yield f"Held for a person: {total:,}"
    for one in found.held[:SHOWN]:
        since = f", since {ago(moment(one.since), now)}" if one.since else ""
        yield from flow(f"{name_held(one)}  (hold/{one.job}{since})", hang="    ")
        yield from flow(one.problem, "    ")
        yield from flow(one.fix, "    ")
    yield from _write_rest(total)


def _write_spent(found: Survey) -> Iterator[str]:
    for one in found.health.spent:
        parts = []
        if one.max_cost_usd is not None:
            parts.append(f"{format_maximum(one.cost_usd)} of {format_maximum(one.max_cost_usd)}")
        if one.max_requests is not None:
            parts.append(f"{one.requests:,} of {one.max_requests:,} requests")
        whose = f" by queue {one.queue}" if one.queue else ""
        yield from flow(f"Today (UTC), spent or promised{whose}: {', '.join(parts)}", "")
    if found.health.spent:
        yield ""


def name_held(held: HeldJob) -> str:
    """Return the name of a held file; its job's id where nothing else can be read."""
    return held.manifest.source.place if held.manifest else held.job
