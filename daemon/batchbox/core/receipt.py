"""The receipt: what the producer gets last."""

from functools import reduce
from typing import Any

from batchbox.core.companions import is_cancel
from batchbox.core.manifest import Manifest, Tokens
from batchbox.core.states import PartState

SENTENCES = {
    "succeeded": "Every request was answered.",
    "partial": "Some requests were not answered: correct the errors file and drop it back in.",
    "failed": "No request was answered: correct the errors file and drop it back in.",
    "canceled": "It was canceled before anything was answered: drop the errors file to ask again.",
    "rejected": "The file has mistakes, so nothing was sent: correct what is told below and drop it again.",
}


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
    usage = _sum_usage(job)
    costs = [tokens.cost_usd for tokens in usage.values()]
    known = [cost for cost in costs if cost is not None]
    status = job.status or ""
    receipt: dict[str, Any] = {
        "schema": 1,
        "status": status,
        "message": _tell(job),
        "file": job.source.name,
        "queue": job.source.queue,
        "job": job.job,
        "requests": job.input.requests if job.input and status != "rejected" else 0,
        "counts": count_rows(job) | {"skipped": job.input.skipped if job.input else 0},
        "usage": {model: tokens.model_dump() for model, tokens in sorted(usage.items())},
        "cost_usd": round(sum(known, 0.0), 8) if len(known) == len(costs) else None,
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


def _tell(job: Manifest) -> str:
    """Return how it ended in a sentence, and who asked for that."""
    if is_cancel(job.source.exact_name):
        return "Nothing was canceled: what is told below says why."
    told = SENTENCES.get(job.status or "", "")
    if job.status == "canceled" and not job.input:
        told = "It was canceled before it was checked, and nothing was sent: drop the file again to send it."
    if not job.cancel_asked_by:
        return told
    if job.status == "succeeded":
        return f"{told} {job.cancel_asked_by} asked to cancel it, and came too late for that."
    return f"{told} {job.cancel_asked_by} asked to cancel it."


def _sum_usage(job: Manifest) -> dict[str, Tokens]:
    total: dict[str, list[Tokens]] = {}
    for part in job.parts:
        for model, tokens in part.usage.items():
            total.setdefault(model, []).append(tokens)
    return {model: reduce(Tokens.plus, parts) for model, parts in total.items()}


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
