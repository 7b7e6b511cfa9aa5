"""Again: what was not answered of a finished file goes back into its queue, as a file of its own."""

from pathlib import Path

from batchbox.cli.control.send_command import print_sent
from batchbox.cli.text_layout import print_wrapped
from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.domain.job import Manifest
from batchbox.domain.output_names import errors_name
from batchbox.domain.records import Output
from batchbox.readmodel.survey import find_folder, find_jobs
from batchbox.reports.check_result import count
from batchbox.reports.receipt import count_rows
from batchbox.storage.local.dropping import drop_file
from batchbox.storage.local.durable import digest, locked
from batchbox.storage.local.layout import Layout


def retry_finished(root: Path, job: Manifest, as_json: bool) -> None:
    """Drop the errors file of *job*. Raise `Stop` if there is none, or if that was done before."""
    with locked(find_folder(root, job.job)):  # two at once would each find that nobody has
        _drop(root, job, as_json)


def _drop(root: Path, job: Manifest, as_json: bool) -> None:
    folder = Layout(root).queue("outbox", job.source.queue)
    errors = _find_errors(job)
    source = folder / errors.name
    name = f"{job.stem}.retry.jsonl"
    again = [one.job for _, one in find_jobs(root, name) if _is_made_of(one, errors, job.source.queue)]
    if again:
        fix = "retry that one, or drop a corrected copy with batchbox drop"
        problem = f"{job.source.name} was asked again as {name}; it is job {again[0]}"
        raise Stop(problem, fix, code=BAD_SETTINGS)
    _require_unchanged(source, errors)
    skipped = _count_skipped(job, errors.name)
    drop_file(root, source, job.source.queue, name)
    facts = {"command": "retry", "job": job.job, "file": job.source.name}
    sentence = f"what was not answered of {job.source.name} was dropped again, as {name}"
    facts |= {"dropped": name, "queue": job.source.queue}
    print_sent(root, sentence, facts | {"uncorrected": skipped}, as_json)
    if skipped and not as_json:
        print_wrapped(
            f"{count(skipped, 'line')} of it will be left out again: correct {errors.name} and drop it"
        )


def _count_skipped(job: Manifest, errors: str) -> int:
    """Return how many lines were left out for their mistakes. Raise `Stop` if all else was answered."""
    skipped, counts = job.input.skipped if job.input else 0, count_rows(job)
    if skipped and counts["succeeded"] == sum(counts.values()):
        problem = f"what was not answered of {job.source.name} has mistakes, and would be refused again"
        fix = f"correct {errors} in the outbox, and drop it with batchbox drop"
        raise Stop(problem, fix, code=BAD_SETTINGS)
    return skipped


def _is_made_of(job: Manifest, errors: Output, queue: str) -> bool:
    """Say whether what was dropped as *job* is that errors file; by its size, until it was read whole."""
    is_alike = job.source.queue == queue and job.source.size == errors.size
    return is_alike and (job.input is None or job.input.sha256 == errors.sha256)


def _require_unchanged(source: Path, errors: Output) -> None:
    """Raise `Stop` unless the file is there as it was published: another may have its name by now."""
    try:
        found = digest(source)
    except FileNotFoundError:
        fix = "whoever reads the outbox has taken it: drop it with batchbox drop"
        raise Stop(f"{source.name} is in the outbox no more", fix, code=BAD_SETTINGS) from None
    if found != (errors.size, errors.sha256):
        problem = f"{source.name} in the outbox is not what was published for this file"
        fix = "it was corrected, or is another file's by now: if it is what you want, batchbox drop it"
        raise Stop(problem, fix, code=BAD_SETTINGS)


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
