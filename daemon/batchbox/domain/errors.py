"""What went wrong, named for what the catcher does about it.

Any other exception is a bug: the step that raised it is logged with its traceback, its job is read
again from disk and tried later; raised in the loop itself, it ends the process.
"""

import traceback
from collections.abc import Mapping

NOT_ALL_WELL, BAD_SETTINGS, NO_SPOOL, NO_KEY, BUG, UNFIT, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
EXIT_CODES = {  # of the program, for its help, its man page and its documentation
    0: "all well",
    NOT_ALL_WELL: "a file has mistakes, not every request was answered, or doctor has a warning",
    BAD_SETTINGS: "wrong use or wrong settings",
    NO_SPOOL: "the spool or a disk cannot be used",
    NO_KEY: "there is no API key",
    BUG: "a bug in batchbox",
    UNFIT: "doctor found a problem",
    INTERRUPTED: "stopped by a second signal, at once",
}

NOTHING_TO_DO = "nothing to do"  # how a fix begins that asks nothing of anybody


class BatchboxError(Exception):
    """Something a person may have to read: what happened, and what to do about it."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


class TryLater(BatchboxError):
    """Nothing is wrong with the file; the same step may succeed later.

    *after* is the wait in seconds that the other side asked for. *shared* says that the cause lies
    with the API as a whole, so that other jobs should wait as well; *crowded* that it has no room for more
    requests.
    """

    def __init__(
        self,
        problem: str,
        fix: str = "",
        *,
        after: float | None = None,
        shared: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(problem, fix)
        self.after = after
        self.shared = shared
        self.crowded = crowded


class Lost(TryLater):
    """Somebody else wrote the manifest: forget the job and read it again, never merge."""


class Offline(TryLater):
    """The spool is not there, or not the one that was opened: touch nothing until it is back."""


class InvalidFile(BatchboxError):
    """The dropped file as a whole cannot be sent: its producer has to correct it, in *line* if known."""

    def __init__(self, problem: str, fix: str = "", *, line: int | None = None) -> None:
        super().__init__(problem, fix)
        self.line = line


class Refused(BatchboxError):
    """The API will never take this; nothing was created. *error* is its error object.

    *brief* is the problem without the API's own words, which may repeat what was asked: fit for a log.
    """

    def __init__(
        self, problem: str, fix: str = "", *, brief: str, error: Mapping[str, object], request_id: str | None
    ) -> None:
        super().__init__(problem, fix)
        self.brief = brief
        self.error = error
        self.request_id = request_id


class InDoubt(BatchboxError):
    """The API may or may not have created a batch: look before sending again."""


class Gone(BatchboxError):
    """What the API kept for us is gone for good: a person has to decide."""


class Damaged(BatchboxError):
    """A job cannot be trusted to go on: hold it, and never take it for one that was not sent."""


class Stop(BatchboxError):
    """The program cannot go on. *code* is its exit code."""

    def __init__(self, problem: str, fix: str = "", *, code: int) -> None:
        super().__init__(problem, fix)
        self.code = code


def needs_person(fix: str) -> bool:
    """Say whether *fix* asks somebody to do something."""
    return bool(fix) and not fix.startswith(NOTHING_TO_DO)


def trace(error: BaseException) -> list[str]:
    """Return what was raised, where, and by what; without its text, which may hold a prompt or the key."""
    frames = traceback.extract_tb(error.__traceback__)
    steps = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    cause = error.__cause__ or error.__context__
    return [type(error).__name__, *steps, *(trace(cause) if cause else [])]
