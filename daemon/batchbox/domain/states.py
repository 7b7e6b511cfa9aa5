"""The state table: what may happen to a job and to its parts, and what they become.

How a part gets to the API at most once. Each arrow into a state is one durable replacement of the
manifest, made *before* the act that the state allows:

    PREPARED   must be durable before the connection is opened. It names the newest batch known, so
               that a batch of ours can only be a newer one.
    COMMITTED  must be durable before the last byte of the body leaves. A JSON body without its last
               byte creates nothing, so whatever fails earlier may simply be done again.
    SUBMITTED  must be durable before the part is believed to exist. A COMMITTED part that nobody is
               working on has had no answer: it is IN_DOUBT, whether the process died or the line did.

And how a job ends: outputs *must* be named, sized and digested in the manifest (PUBLISHING) before the
first of them is renamed into the outbox; the receipt *must* be the last; the dropped file *must* stay
in the job's folder until then.

Nothing else may change a state.
"""

from enum import StrEnum


class JobState(StrEnum):
    """Where a dropped file is."""

    TAKEN = "taken"  # the file is ours, not yet checked
    RUNNING = "running"  # checked; its parts are on their way
    PUBLISHING = "publishing"  # outputs are written and named
    DONE = "done"  # the receipt is out


class PartState(StrEnum):
    """Where a slice of a job, one batch, is."""

    READY = "ready"
    PREPARED = "prepared"
    COMMITTED = "committed"
    IN_DOUBT = "in_doubt"
    CANDIDATES = "candidates"  # batches that might be ours wait for their rows
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    REFUSED = "refused"
    UNDECIDED = "undecided"  # a candidate was deleted before it could be read
    GONE = "gone"  # paid for, and its results can no longer be had
    CANCELED = "canceled"  # a person canceled the job; not sent, or given up


class Event(StrEnum):
    """What can happen to them."""

    PASSED = "passed"  # every line was checked and every body written
    REJECTED = "rejected"  # mistakes in the file
    FINISHED = "finished"  # every part has come to its end
    PUBLISHED = "published"

    PREPARE = "prepare"
    COMMIT = "commit"
    NOT_SENT = "not_sent"  # broken off before the last byte
    TURNED_AWAY = "turned_away"  # a definite answer: not now, nothing was created
    TURNED_DOWN = "turned_down"  # a definite answer: never
    ACCEPTED = "accepted"
    UNANSWERED = "unanswered"
    NONE_FOUND = "none_found"
    SOME_FOUND = "some_found"
    CANDIDATE_RULED_OUT = "candidate_ruled_out"  # it is a stranger's; others are left
    PROVEN = "proven"
    CANDIDATES_LOST = "candidates_lost"  # none can be read any longer
    RESULTS_GONE = "results_gone"
    ROWS_COMPLETE = "rows_complete"
    COPIED = "copied"  # the spool was copied: another may have sent it

    RELEASED = "released"  # a person says: look again
    ADOPTED = "adopted"  # a person says: it may be that batch
    RESUBMITTED = "resubmitted"  # a person says: send it again, and pay again
    CALLED_OFF = "called_off"  # a person says: no more


State = JobState | PartState

TRANSITIONS: dict[tuple[State, Event], State] = {
    (JobState.TAKEN, Event.PASSED): JobState.RUNNING,
    (JobState.TAKEN, Event.REJECTED): JobState.PUBLISHING,
    (JobState.TAKEN, Event.CALLED_OFF): JobState.PUBLISHING,
    (JobState.RUNNING, Event.FINISHED): JobState.PUBLISHING,
    (JobState.PUBLISHING, Event.PUBLISHED): JobState.DONE,
    (PartState.READY, Event.PREPARE): PartState.PREPARED,
    (PartState.PREPARED, Event.COMMIT): PartState.COMMITTED,
    (PartState.PREPARED, Event.NOT_SENT): PartState.READY,
    (PartState.PREPARED, Event.TURNED_DOWN): PartState.REFUSED,
    (PartState.COMMITTED, Event.ACCEPTED): PartState.SUBMITTED,
    (PartState.COMMITTED, Event.TURNED_AWAY): PartState.READY,
    (PartState.COMMITTED, Event.TURNED_DOWN): PartState.REFUSED,
    (PartState.COMMITTED, Event.UNANSWERED): PartState.IN_DOUBT,
    (PartState.READY, Event.COPIED): PartState.IN_DOUBT,
    (PartState.PREPARED, Event.COPIED): PartState.IN_DOUBT,
    (PartState.IN_DOUBT, Event.NONE_FOUND): PartState.READY,
    (PartState.IN_DOUBT, Event.SOME_FOUND): PartState.CANDIDATES,
    (PartState.CANDIDATES, Event.CANDIDATE_RULED_OUT): PartState.CANDIDATES,
    (PartState.CANDIDATES, Event.NONE_FOUND): PartState.READY,
    (PartState.CANDIDATES, Event.PROVEN): PartState.SUBMITTED,
    (PartState.CANDIDATES, Event.CANDIDATES_LOST): PartState.UNDECIDED,
    (PartState.READY, Event.CALLED_OFF): PartState.CANCELED,
    (PartState.UNDECIDED, Event.RELEASED): PartState.IN_DOUBT,
    (PartState.UNDECIDED, Event.ADOPTED): PartState.CANDIDATES,
    (PartState.UNDECIDED, Event.RESUBMITTED): PartState.READY,
    (PartState.UNDECIDED, Event.CALLED_OFF): PartState.CANCELED,
    (PartState.SUBMITTED, Event.ROWS_COMPLETE): PartState.COLLECTED,
    (PartState.SUBMITTED, Event.RESULTS_GONE): PartState.GONE,
    (PartState.GONE, Event.RELEASED): PartState.SUBMITTED,
    (PartState.GONE, Event.RESUBMITTED): PartState.READY,
    (PartState.GONE, Event.CALLED_OFF): PartState.CANCELED,
}

FINAL = frozenset({PartState.COLLECTED, PartState.REFUSED, PartState.CANCELED})
HELD = frozenset({PartState.UNDECIDED, PartState.GONE})
UNANSWERED = frozenset({PartState.IN_DOUBT, PartState.CANDIDATES, PartState.SUBMITTED})


class IllegalTransitionError(Exception):
    """The table has no such arrow: a bug, never a consequence of what a person did."""


def follow(state: State, event: Event) -> State:
    """Return the state that *event* leads to, or raise `IllegalTransitionError`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} while {state}") from None
