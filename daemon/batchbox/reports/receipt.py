"""The receipt: what the producer gets last."""

from collections.abc import Iterable
from typing import Any

from batchbox.cost.amounts import estimate_job
from batchbox.cost.cost_report import describe_estimate, write_cost_report
from batchbox.cost.limits import LimitExceeded
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import is_cancel
from batchbox.domain.output_names import receipt_name
from batchbox.domain.states import PartState

SENTENCES = {
    "succeeded": "Every request was answered.",
    "partial": "Some requests were not answered: correct the errors file and drop it back in.",
    "failed": "No request was answered: correct the errors file and drop it back in.",
    "canceled": "It was canceled before anything was answered: drop the errors file to ask again.",
    "rejected": "The file has mistakes, so nothing was sent: correct what is told below and drop it again.",
}

HELD = "Nothing of the file was sent yet: it would exceed what may be spent, and waits for somebody's word."
WHAT_TO_DO = (
    "Wait, or ask whoever runs batchbox to approve of it: batchbox release {job}. It is sent then, and its "
    "answers come as always. To have it canceled: batchbox cancel {job}, or an empty file {name}.cancel "
    "where it was dropped. A file with fewer requests, shorter prompts or a smaller max_tokens may fit."
)
REFUSED = "No request was answered: the API refused to take it. Why, and what to do, is told under refusals."


def count_rows(job: Manifest) -> dict[str, int]:
    """Return how the requests of *job* ended; the sum of the outcomes is the number of requests."""
    counts = dict.fromkeys(("succeeded", "errored", "canceled", "expired"), 0)
    for part in job.parts:
        for outcome, number in part.outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + number
        if part.state is PartState.REFUSED:
            counts["errored"] += part.requests
        if part.state is PartState.CANCELED:
            counts["canceled"] += part.requests
    return counts


def status_of(job: Manifest) -> str:
    """Return in one word how *job* ended."""
    counts = count_rows(job)
    total = sum(counts.values())
    skipped = job.input.skipped if job.input else 0
    if counts["succeeded"] == total:
        return "partial" if skipped else "succeeded"
    if counts["succeeded"]:
        return "partial"
    return "canceled" if counts["canceled"] == total or job.cancel_asked_at else "failed"


def compose_receipt(job: Manifest) -> dict[str, Any]:
    """Return the receipt of *job*, whose status and outputs are known."""
    status = job.status or ""
    receipt: dict[str, Any] = {
        "schema": 1,
        "status": status,
        "message": _tell(job) + _tell_priority(job),
        "file": job.source.name,
        "queue": job.source.queue,
        "job": job.job,
        "priority": job.priority.value,
        "priority_asked": job.priority_asked and job.priority_asked.value,
        "requests": job.input.requests if job.input and status != "rejected" else 0,
        "counts": count_rows(job) | {"skipped": job.input.skipped if job.input else 0},
        **write_cost_report(job),
        "batches": [one for part in job.parts for one in (*part.abandoned, part.batch_id) if one],
        "times": _times(job),
        "input": _input(job),
        "outputs": [output.model_dump(exclude={"source"}) for output in job.outputs],
    }
    if job.mistakes:
        receipt["mistakes_total"] = job.mistakes_total
        receipt["mistakes"] = [mistake.model_dump(exclude_none=True) for mistake in job.mistakes]
    refusals = [part.refusal.problem + "; " + part.refusal.fix for part in job.parts if part.refusal]
    return receipt | ({"refusals": refusals} if refusals else {})


def _explain(job: Manifest) -> str:
    """Say what the status means, and what to do."""
    is_refused = job.status == "failed" and any(part.refusal for part in job.parts)
    return REFUSED if is_refused else SENTENCES.get(job.status or "", "")


def _tell_priority(job: Manifest) -> str:
    """Tell a producer that what the name asks for was not given."""
    asked, given = job.priority_asked, job.priority
    if asked in (None, given) or not any(part.attempt for part in job.parts):
        return ""
    return f" Its name asks for the priority {asked}; in this queue, it went out as {given}."


def _tell(job: Manifest) -> str:
    """Return how it ended in a sentence, and who asked for that."""
    if is_cancel(job.source.exact_name):
        return "Nothing was canceled: what is told below says why."
    told = _explain(job)
    if job.status == "canceled" and not job.input:
        told = "It was canceled before it was checked, and nothing was sent: drop the file again to send it."
    if not job.cancel_asked_by:
        return told
    if job.status == "succeeded":
        return f"{told} {job.cancel_asked_by} asked to cancel it, and came too late for that."
    return f"{told} {job.cancel_asked_by} asked to cancel it."


def _times(job: Manifest) -> dict[str, str | None]:
    submitted = [part.submitted_at for part in job.parts if part.submitted_at]
    ended = [part.ended_at for part in job.parts if part.ended_at]
    return {
        "taken": job.taken_at,
        "checked": job.checked_at,
        "submitted": min(submitted, default=None),
        "ended": max(ended, default=None),
        "published": job.published_at,
    }


def _input(job: Manifest) -> dict[str, Any]:
    name = {"name": job.source.name, "name_b64": job.source.name_b64}
    return name | (
        {"lines": job.input.lines, "size": job.input.bytes, "sha256": job.input.sha256} if job.input else {}
    )


def compose_notice(job: Manifest, excess: Iterable[LimitExceeded], at: str) -> dict[str, Any]:
    """Return what tells the producer that *job* waits for somebody to approve of its cost."""
    estimate = estimate_job(job.parts)
    return {
        "schema": 1,
        "kind": "held",
        "message": HELD,
        "reason": job.excess,
        "what_to_do": WHAT_TO_DO.format(job=job.job, name=job.source.name),
        "file": job.source.name,
        "queue": job.source.queue,
        "job": job.job,
        "requests": job.input.requests if job.input else 0,
        "estimate": describe_estimate(estimate) if estimate else None,
        "exceeded": [
            {"setting": one.setting, "queue": one.queue or None, "limit": one.limit}
            | {"spent": one.spent, "wanted": one.wanted}
            for one in excess
        ],
        "held_at": at,
        "input": _input(job),
        "receipt": receipt_name(job.stem),
    }
