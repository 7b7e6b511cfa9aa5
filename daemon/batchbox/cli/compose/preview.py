"""The outlook: what would be sent if the draft were dropped, found out as the daemon would."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from batchbox.cli.compose.request_file import RequestFile
from batchbox.cli.costs import begin_estimate, describe_estimate, price_requests
from batchbox.cli.text_layout import clip, print_line, print_wrapped
from batchbox.cost.amounts import write_estimate
from batchbox.domain.records import Estimate, Problem
from batchbox.engine.steps.ingest import measure
from batchbox.reports.check_result import count
from batchbox.settings.model import Settings

LINKS_SHOWN = 3
SHOWN = 10  # of what was left out, and of mistakes
FIRST_SHOWN = 400  # characters


@dataclass(frozen=True, slots=True)
class Preview:
    """What the daemon would find. *parts*: how many batches. *would_be_held*: what for, on an idle day."""

    draft: RequestFile
    bytes: int
    parts: int
    mistakes: tuple[Problem, ...]
    mistakes_total: int
    estimate: Estimate
    would_be_held: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return it for programs."""
        first, prompt = self.draft.first
        return {
            "requests": self.draft.requests,
            "parts": self.parts,
            "bytes": self.bytes,
            "first": {"custom_id": first, "prompt": prompt},
            "estimate": describe_estimate(self.estimate),
            "would_be_held": list(self.would_be_held),
            "left_out_total": self.draft.left_out_total,
            "left_out": [{"place": one.place, "problem": one.problem} for one in self.draft.left_out],
            "mistakes_total": self.mistakes_total,
            "mistakes": [one.model_dump(exclude_none=True) for one in self.mistakes],
        }


def preview(file: BinaryIO, settings: Settings, queue: str, draft: RequestFile) -> Preview:
    """Read *file* from its start as the daemon would in *queue*."""
    file.seek(0)
    reckoning = begin_estimate()
    limits = settings.max_part_requests, settings.max_part_bytes
    reading, parts = measure(file, settings.for_queue(queue), *limits, reckoning=reckoning)
    estimate = price_requests(reckoning)
    excess = tuple(map(str, settings.purse().weigh(queue, estimate, draft.requests)))
    found = tuple(reading.mistakes), reading.mistakes_total
    return Preview(draft, reading.bytes, len(parts), *found, estimate, excess)


def print_preview(outlook: Preview, noun: str, links: list[str]) -> None:
    """Tell people."""
    draft = outlook.draft
    if draft.requests and not outlook.mistakes_total:
        _tell_requests(outlook)
    print_links(links)
    if draft.left_out:
        print_wrapped(f"{count(draft.left_out_total, noun)} left out:")
    for one in draft.left_out[:SHOWN]:
        print_wrapped(f"{one.place}: {one.problem}", "    ")
    _tell_more(draft.left_out_total)
    for mistake in outlook.mistakes[:SHOWN]:
        print_wrapped(f"request {mistake.line}: {mistake.problem}; {mistake.fix}")
    _tell_more(outlook.mistakes_total)


def print_links(links: list[str]) -> None:
    """Tell people which *links* were passed by, if any."""
    if links:
        more = ", …" if len(links) > LINKS_SHOWN else ""
        named = ", ".join(links[:LINKS_SHOWN]) + more
        print_wrapped(f"{count(len(links), 'link')} not followed: {named}")


def _tell_requests(outlook: Preview) -> None:
    draft = outlook.draft
    models = ", ".join(outlook.estimate.models)
    to = f" to {models}" if models else ""
    parts = f" in {outlook.parts:,} batches" if outlook.parts > 1 else ""
    print_wrapped(f"{count(draft.requests, 'request')}{to}{parts}, {outlook.bytes:,} bytes", "")
    for line in write_estimate(outlook.estimate):
        print_wrapped(line)
    for reason in outlook.would_be_held:
        print_wrapped(f"it would be held until somebody releases it: {reason}")
    first, prompt = draft.first
    print_wrapped(f"the first: {first}")
    print_wrapped(clip(" ".join(prompt.split()), FIRST_SHOWN), "    ")


def _tell_more(total: int) -> None:
    if total > SHOWN:
        print_line(f"    and {total - SHOWN:,} more")
