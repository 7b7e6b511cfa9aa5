"""Announce: a letter for each who is to hear of what was put into the outbox; the courier brings it."""

from typing import Any

from batchbox.domain.job import Manifest
from batchbox.domain.output_names import receipt_name
from batchbox.engine.steps.context import Context
from batchbox.reports.notifications import WAYS, Notification
from batchbox.reports.receipt import compose_receipt

TOLD = ("status", "message", "requests", "counts", "cost_usd")


def announce_receipt(ctx: Context, job: Manifest) -> None:
    """Tell of the receipt of *job*, which is out; done again after a crash, it is the same letter."""
    outputs = [f"{one.folder}/{one.name}" for one in job.outputs]
    announce(ctx, job, "receipt.published", receipt_name(job.stem), {"outputs": outputs})


def announce_held(ctx: Context, job: Manifest, output: str, message: str, number: int) -> None:
    """Tell that *job* is held, unsent, as the notice *output* says: what is told has a receipt's keys.

    *number*: of such notices of the job: whoever has heard of one hears of the next.
    """
    told = {"status": "held", "message": message, "outputs": [f"outbox/{output}"]}
    announce(ctx, job, "held.published", output, told, number)


def announce(
    ctx: Context, job: Manifest, kind: str, output: str, data: dict[str, Any], number: int = 1
) -> None:
    """Have those who are to hear of it told that *output* lies in the outbox. Durable on return.

    *data* is told as well, or in place of what the receipt of *job* would say now.
    """
    receipt = compose_receipt(job)
    data = {name: receipt[name] for name in TOLD} | {"receipt": receipt_name(job.stem)} | data
    notice = ctx.settings.for_queue(job.source.queue).notice
    wanted = {"command": bool(notice.command), "url": bool(notice.url)}
    facts = {"file": job.source.name, "queue": job.source.queue, "job": job.job}
    for way in WAYS:
        if wanted[way]:
            letter = Notification(
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
