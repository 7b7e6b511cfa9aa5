"""The events: all that the log may say, by name. Its reader's page, docs/observe.md, is made of this list.

An event tells of one durable change, or of something that stands in the way; its facts are keys. No key
ever holds a prompt, an answer or the API key.
"""

from dataclasses import dataclass, field

DEBUG, INFO, WARNING, ERROR, CRITICAL = "debug", "info", "warning", "error", "critical"
TROUBLE = ("problem", "fix")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What one event means. Those of level debug are counted and not printed.

    *repeats*: the keys that tell one trouble from another of the same name, where the same is seen again
    and again and told with growing pauses; None where each is told.
    """

    meaning: str
    keys: tuple[str, ...] = ()
    levels: tuple[str, ...] = (INFO,)
    repeats: tuple[str, ...] | None = field(default=None)


EVENTS = {
    # the daemon
    "daemon.started": LogEvent("it works the spool", ("version", "spool", "api", "sees_writers")),
    "daemon.stopped": LogEvent("it was asked to stop, and has", ("jobs",)),
    "setting.unknown": LogEvent("a BATCHBOX_ variable that means nothing", ("variable", "fix"), (WARNING,)),
    "settings.reloaded": LogEvent("SIGHUP: these settings have changed", ("changed",)),
    "settings.postponed": LogEvent("SIGHUP: these need a restart", ("settings", "fix"), (WARNING,)),
    "settings.refused": LogEvent("SIGHUP: the settings are wrong; the old ones hold", TROUBLE, (ERROR,)),
    "library.warned": LogEvent("a library has something to say", ("library", "problem"), (WARNING,)),
    "metrics.unavailable": LogEvent("nothing can be served at metrics_listen", TROUBLE, (ERROR,), ()),
    "watcher.absent": LogEvent("no hints: files are found by scanning alone", TROUBLE, (WARNING,)),
    "queue.absent": LogEvent(
        "the folder of a declared queue could not be made", ("queue", *TROUBLE), (WARNING,)
    ),
    # the spool
    "spool.offline": LogEvent("the spool is not there, or not the one it was", TROUBLE, (ERROR,), ()),
    "spool.online": LogEvent("the spool is back"),
    "flag.stands": LogEvent("PAUSE or DRAIN is up", ("flag", *TROUBLE), (WARNING,), ("flag",)),
    "flag.lifted": LogEvent("it was taken down", ("flag",)),
    "files.found": LogEvent(
        "new names in the inbox, announced by the watcher (hint) or not (scan)", ("files", "by"), (DEBUG,)
    ),
    "file.waiting": LogEvent("a file stays in the inbox; told once", ("file", "queue", *TROUBLE), (WARNING,)),
    # a job
    "job.taken": LogEvent(
        "a file is ours; waited: seconds since it came to be as it is",
        ("job", "file", "queue", "bytes", "waited"),
    ),
    "job.checked": LogEvent(
        "its lines are in order", ("job", "queue", "requests", "parts", "skipped", "bytes")
    ),
    "job.rejected": LogEvent(
        "it has mistakes; nothing of it is sent", ("job", "file", "queue", "mistakes"), (WARNING,)
    ),
    "job.published": LogEvent(
        "its answers and its receipt are in the outbox; seconds: since it was taken",
        ("job", "file", "queue", "stem", "status", "rows", "bytes", "seconds"),
    ),
    "job.postponed": LogEvent(
        "a step has failed and is tried again", ("job", *TROUBLE, "trace"), (WARNING, ERROR), ("job",)
    ),
    "job.held": LogEvent("it waits in hold/ for a person", ("job", *TROUBLE), (ERROR,)),
    "jobs.held": LogEvent("so many wait in hold/ for a person", ("jobs", *TROUBLE), (ERROR,), ()),
    "jobs.none_held": LogEvent("nothing waits in hold/ any more"),
    "job.released": LogEvent("it was moved back from hold/ by hand", ("job",)),
    "job.cancel_asked": LogEvent("a file in the inbox asks for its end", ("job", "queue", "file")),
    "job.called_off": LogEvent("canceled: what was not sent stays unsent", ("job",)),
    "job.suspected": LogEvent(
        "the process may have died of it; it runs alone", ("job", "deaths"), (WARNING,)
    ),
    "transfer.progress": LogEvent(
        "how far a long transfer is, in bytes", ("job", "part", "doing", "bytes", "total", "rate")
    ),
    # what is kept
    "answers.at_risk": LogEvent(
        "the API deletes these answers soon, and they are not fetched; told daily",
        ("job", "queue", "batch", *TROUBLE),
        (ERROR, CRITICAL),
    ),
    "job.removed": LogEvent(
        "a finished job was removed from done/, as the settings say", ("job", "queue", "bytes", "day")
    ),
    "file.removed": LogEvent(
        "a refused file was removed from rejected/, as the settings say", ("file", "queue", "bytes", "day")
    ),
    "archive.stuck": LogEvent("some of it could not be removed", TROUBLE, (WARNING,)),
    "upkeep.failed": LogEvent("the hourly look at what is kept has failed", (*TROUBLE, "trace"), (WARNING,)),
    # notices
    "notice.delivered": LogEvent(
        "a command or webhook has heard of a receipt; told: what it printed, or its answer",
        ("notice", "queue", "way", "tries", "told"),
    ),
    "notice.postponed": LogEvent(
        "it has not, and is told again",
        ("notice", "queue", "way", "tries", *TROUBLE),
        (WARNING,),
        ("queue", "way"),
    ),
    "notice.given_up": LogEvent(
        "it has not for a day: nobody is told", ("notice", "queue", "way", "tries", *TROUBLE), (ERROR,)
    ),
    "notice.dropped": LogEvent("the settings want nobody told any more", ("notice", "queue", "way", "tries")),
    "notice.stuck": LogEvent("it was delivered, and cannot be forgotten", ("notice", *TROUBLE), (WARNING,)),
    "notice.unready": LogEvent("nobody can be told like this", ("queue", *TROUBLE), (ERROR,)),
    # commands
    "command.done": LogEvent("a command was carried out; by: who asked", ("command", "job", "by")),
    "command.idle": LogEvent("a command had nothing to do", ("command", "job", "by", "problem"), (WARNING,)),
    "command.refused": LogEvent("a command cannot be carried out", ("command", *TROUBLE), (ERROR,)),
    # a part, and its batch
    "part.sending": LogEvent("an upload begins", ("job", "part", "attempt", "bytes", "requests")),
    "part.submitted": LogEvent(
        "the API has made a batch of it", ("job", "part", "attempt", "batch", "bytes")
    ),
    "part.postponed": LogEvent(
        "it was not sent, and is tried again", ("job", "part", "attempt", *TROUBLE), (WARNING,), ()
    ),
    "part.refused": LogEvent("the API will never take it", ("job", "part", "attempt", *TROUBLE), (ERROR,)),
    "part.doubted": LogEvent(
        "no answer: it may be a batch or not", ("job", "part", "attempt", "problem"), (WARNING,)
    ),
    "part.cleared": LogEvent("in doubt no more: it is no batch", ("job", "part")),
    "part.suspected": LogEvent("these batches may be it", ("job", "part", "candidates")),
    "part.proven": LogEvent("in doubt no more: it is this batch", ("job", "part", "batch")),
    "part.candidate_ruled_out": LogEvent("a candidate is not this part", ("job", "part", "batch")),
    "part.undecided": LogEvent(
        "only a person can tell whether it is a batch", ("job", "part", "batch", "problem"), (ERROR,)
    ),
    "part.gone": LogEvent("its answers are kept no more", ("job", "part", "batch", "problem"), (ERROR,)),
    "part.collected": LogEvent(
        "its answers are here, complete; again: rows that go out once more",
        ("job", "part", "batch", "rows", "again", "usage"),
    ),
    "batch.cancel_asked": LogEvent("the API was asked to end it", ("job", "batch", "accepted")),
    "batch.unknown": LogEvent("it could not be asked for", ("batch", *TROUBLE), (WARNING,), ("batch",)),
    "batches.polled": LogEvent("the number of running batches has changed", ("running", "ended")),
    # the API
    "api.called": LogEvent(
        "a call has ended: ok, a status, timeout or connection",
        ("call", "outcome", "seconds", "sent", "received"),
        (DEBUG,),
    ),
    "api.unreachable": LogEvent(
        "asking for batches does not work", ("job", *TROUBLE, "trace"), (WARNING, ERROR), ()
    ),
    "api.answered": LogEvent("asking for batches works again"),
    "sending.crowded": LogEvent(
        "a part waits until there is room for it at the API", ("job", *TROUBLE), (INFO,), ()
    ),
    "quota.learnt": LogEvent("the API refused more requests than so many at once", ("limit",)),
    "sending.stopped": LogEvent(
        "nothing can be sent for now", ("job", *TROUBLE, "trace"), (WARNING, ERROR), ()
    ),
}

ENDS = {  # what proves that a trouble is over, so that its next time is told at once
    "spool.online": ("spool.offline",),
    "flag.lifted": ("flag.stands",),
    "part.submitted": ("sending.stopped", "part.postponed"),
    "api.answered": ("api.unreachable", "batch.unknown"),
    "jobs.none_held": ("jobs.held",),
}
