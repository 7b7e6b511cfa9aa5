"""What people ask of the daemon: each command is the name of a file in control/.

`cancel-JOB`, `hold-JOB`, `release-JOB`, `retry-JOB`, `resubmit-JOB` and `adopt-JOB-BATCH`. An empty file is
enough, so that one can be left by anything that can make a file. Those in `REPEATABLE` can be carried out
twice as well as once; the others may pay, so their files are removed first.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from batchbox.domain.job import JobId, Manifest
from batchbox.domain.part import Part
from batchbox.domain.states import HELD, TRANSITIONS, Event, JobState, PartState

STOPPABLE = HELD | {PartState.READY}


class Verb(StrEnum):
    """What can be asked."""

    CANCEL = "cancel"  # end the job: what was not sent stays unsent, what runs is canceled
    HOLD = "hold"  # put it aside as it is; what runs at the API goes on there
    RELEASE = "release"  # take it back from hold/ and look again
    RETRY = "retry"  # try now what waits after a failure; take it back if it is held
    ADOPT = "adopt"  # take it back: what is undecided may be that batch
    RESUBMIT = "resubmit"  # take it back: send again what is undecided or gone, and pay again


FLAGS = {"PAUSE": "nothing is taken or sent", "DRAIN": "nothing new is taken"}  # files that stand there
REPEATABLE = frozenset({Verb.CANCEL, Verb.HOLD})
BACK = frozenset({Verb.RELEASE, Verb.RETRY})  # of what is held: look again, pay nothing twice

_NAME = re.compile(rf"({'|'.join(Verb)})-(\d{{8}}T\d{{6}}Z-[0-9a-f]{{12}})(?:-([A-Za-z0-9_-]{{1,128}}))?")


@dataclass(frozen=True, slots=True)
class Command:
    """A person's wish for one job. *batch_id* is given with `adopt` only."""

    verb: Verb
    job: JobId
    batch_id: str = ""

    @property
    def is_sound(self) -> bool:
        """Say whether its name says all that it is."""
        return read_command(self.name) == self

    @property
    def name(self) -> str:
        """The name of its file."""
        return "-".join(filter(None, (self.verb, self.job, self.batch_id)))


def read_command(name: str) -> Command | None:
    """Return the command that *name* spells; None if it spells none."""
    found = _NAME.fullmatch(name)
    if not found or (found[1] == Verb.ADOPT) != bool(found[3]):
        return None
    return Command(Verb(found[1]), found[2], found[3] or "")


def decide(job: Manifest, command: Command, at: str) -> Manifest:
    """Return *job* as a person wants it; *at* is the time of day, for people."""
    if command.verb is Verb.CANCEL:
        return job.cancel_asked(at)
    if command.verb is Verb.RELEASE and job.excess:
        job = job.approved(at)
    for part in job.parts:
        job = job.with_part(_decide_part(part, command))
    return job


def _decide_part(part: Part, command: Command) -> Part:
    if part.state not in HELD:
        return part
    if command.verb in BACK:
        return part.released()
    if command.verb is Verb.RESUBMIT:
        return part.resubmitted()
    if part.state is PartState.UNDECIDED:
        return part.adopted(command.batch_id)
    return part


def doubt_copied(job: Manifest) -> Manifest:
    """Return *job* as it is in a copied spool: what was not sent when it was copied may have been since."""
    for part in job.parts:
        doubted = part.copied() if (part.state, Event.COPIED) in TRANSITIONS else part
        job = job.with_part(doubted.marked_last())
    return job


def call_off(job: Manifest) -> Manifest:
    """Return *job* with nothing left in it that could still be sent, or that waits for a person."""
    if job.state is JobState.TAKEN:
        return job.called_off()
    for part in job.parts:
        if part.state in STOPPABLE:
            job = job.with_part(part.called_off())
    return job
