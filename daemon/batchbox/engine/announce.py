"""Announce: a letter for each who is to hear of what was put into the outbox; the courier brings it."""

from typing import Any

from batchbox.core.letters import WAYS, Letter
from batchbox.core.manifest import Manifest
from batchbox.core.names import receipt_name
from batchbox.core.receipt import compose_receipt
from batchbox.engine.context import Context

TOLD = ("status", "message", "requests", "counts", "cost_usd")


def announce_receipt(ctx: Context, job: Manifest) -> None:
    """Tell of the receipt of *job*, which is out; done again after a crash, it is the same letter."""
    receipt = compose_receipt(job)
    data: dict[str, Any] = {name: receipt[name] for name in TOLD}
    data |= {"receipt": receipt_name(job.stem)}
    data |= {"outputs": [f"{one.folder}/{one.name}" for one in job.outputs]}
    announce(ctx, job, "receipt.published", receipt_name(job.stem), data)


def announce(
    ctx: Context, job: Manifest, kind: str, output: str, data: dict[str, Any], number: int = 1
) -> None:
    """Have those who are to hear of it told that *output* lies in the outbox. Durable on return.

    *number*: of this kind, for the job: whoever has heard of one hears of the next.
    """
    notice = ctx.settings.for_queue(job.source.queue).notice
    wanted = {"command": bool(notice.command), "url": bool(notice.url)}
    facts = {"file": job.source.name, "queue": job.source.queue, "job": job.job}
    for way in WAYS:
        if wanted[way]:
            letter = Letter(
                id=f"{job.job}-{kind.partition('.')[0]}" + (f"-{number}" if number > 1 else ""),
                way=way,
                queue=job.source.queue,
                job=job.job,
                output=output,
                at=ctx.stamp(),
                kind=kind,
                data=data | facts,
            )
            ctx.spool.letters.put(letter)
    if any(wanted.values()):
        ctx.announced()
