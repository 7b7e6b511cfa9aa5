"""What to say of a `.cancel` file that found nothing to end."""

from batchbox.domain.errors import InvalidFile
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import subject_of
from batchbox.domain.output_names import show, stem_of
from batchbox.engine.steps.context import Context


def explain_idle(ctx: Context, job: Manifest) -> InvalidFile:
    """Return why the file of *job*, which asked for an end, ended nothing."""
    subject = subject_of(job.source.exact_name)
    name, folder = (
        show(subject),
        "the inbox" if job.source.queue == "default" else f"inbox/{job.source.queue}",
    )
    ended = list(ctx.spool.companions.endings(job.source.queue, stem_of(subject)))
    if ended:
        told = ", ".join(f"{receipt} ({status or 'unreadable'})" for receipt, status in ended)
        return InvalidFile(
            f"{name} had ended already: see {told}", "nothing to do: it was too late to cancel it"
        )
    fix = (
        "see that it is the name of the file as it was dropped, its ending included, with .cancel after it, "
        "and that it lies where that file was dropped"
    )
    return InvalidFile(f"no file that was dropped as {name} into {folder} is under way", fix)
