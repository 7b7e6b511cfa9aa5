"""Again: what was not answered of a finished file goes back into its queue, as a file of its own."""

from pathlib import Path

from batchbox.cli.asking import tell_asked
from batchbox.core.errors import BAD_SETTINGS, Stop
from batchbox.core.manifest import Manifest, Output
from batchbox.core.names import errors_name, receipt_name
from batchbox.spool.dropping import drop_file
from batchbox.spool.layout import Layout
from batchbox.spool.survey import find_jobs


def drop_again(root: Path, job: Manifest, as_json: bool) -> None:
    """Drop the errors file of *job*. Raise `Stop` if there is none, or if that was done before."""
    folder = Layout(root).queue("outbox", job.source.queue)
    source = folder / _find_errors(job).name
    name = f"{job.stem}.retry.jsonl"
    again = [one.job for _, one in find_jobs(root, name) if one.source.queue == job.source.queue]
    if again or (folder / receipt_name(f"{job.stem}.retry")).exists():
        told = f"it is job {again[0]}" if again else "its receipt is in the outbox"
        fix = "retry that one, or drop a corrected copy with batchbox drop"
        raise Stop(f"{job.source.name} was asked again as {name}; {told}", fix, code=BAD_SETTINGS)
    if not source.exists():
        fix = "whoever reads the outbox has taken it: drop it with batchbox drop"
        raise Stop(f"{source.name} is in the outbox no more", fix, code=BAD_SETTINGS)
    drop_file(root, source, job.source.queue, name)
    facts = {"command": "retry", "job": job.job, "file": job.source.name}
    sentence = f"what was not answered of {job.source.name} was dropped again, as {name}"
    tell_asked(root, sentence, facts | {"dropped": name, "queue": job.source.queue}, as_json)


def _find_errors(job: Manifest) -> Output:
    for output in job.outputs:
        if output.folder == "outbox" and output.name == errors_name(job.stem):
            return output
    for output in job.outputs:
        if output.folder == "rejected":
            fix = f"nothing of it was sent: correct rejected/{output.name} and drop it again"
            raise Stop(f"{job.source.name} was {job.status}", fix, code=BAD_SETTINGS)
    problem = f"every request of {job.source.name} was answered: there is nothing to try again"
    raise Stop(problem, f"batchbox show {job.job} tells where its answers are", code=BAD_SETTINGS)
