"""The outlook: what would be sent if the draft were dropped, found out as the daemon would."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from batchbox.cli.costs import begin_reckoning, describe_estimate, price_requests
from batchbox.cli.draft import Draft
from batchbox.cli.page import clip, say, tell
from batchbox.core.checkup import count
from batchbox.core.figures import write_estimate
from batchbox.core.manifest import Estimate, Mistake
from batchbox.engine.ingest import measure
from batchbox.settings import Settings

LINKS_SHOWN = 3
SHOWN = 10  # of what was left out, and of mistakes
FIRST_SHOWN = 400  # characters


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the daemon would find. *parts*: how many batches. *would_be_held*: what for, on an idle day."""

    draft: Draft
    bytes: int
    parts: int
    mistakes: tuple[Mistake, ...]
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


def look_ahead(file: BinaryIO, settings: Settings, queue: str, draft: Draft) -> Outlook:
    """Read *file* from its start as the daemon would in *queue*."""
    file.seek(0)
    reckoning = begin_reckoning()
    limits = settings.max_part_requests, settings.max_part_bytes
    reading, parts = measure(file, settings.for_queue(queue), *limits, reckoning=reckoning)
    estimate = price_requests(reckoning)
    excess = tuple(map(str, settings.purse().weigh(queue, estimate, draft.requests)))
    found = tuple(reading.mistakes), reading.mistakes_total
    return Outlook(draft, reading.bytes, len(parts), *found, estimate, excess)


def tell_outlook(outlook: Outlook, noun: str, links: list[str]) -> None:
    """Tell people."""
    draft = outlook.draft
    if draft.requests and not outlook.mistakes_total:
        _tell_requests(outlook)
    tell_links(links)
    if draft.left_out:
        tell(f"{count(draft.left_out_total, noun)} left out:")
    for one in draft.left_out[:SHOWN]:
        tell(f"{one.place}: {one.problem}", "    ")
    _tell_more(draft.left_out_total)
    for mistake in outlook.mistakes[:SHOWN]:
        tell(f"request {mistake.line}: {mistake.problem}; {mistake.fix}")
    _tell_more(outlook.mistakes_total)


def tell_links(links: list[str]) -> None:
    """Tell people which *links* were passed by, if any."""
    if links:
        more = ", …" if len(links) > LINKS_SHOWN else ""
        named = ", ".join(links[:LINKS_SHOWN]) + more
        tell(f"{count(len(links), 'link')} not followed: {named}")


def _tell_requests(outlook: Outlook) -> None:
    draft = outlook.draft
    models = ", ".join(outlook.estimate.models)
    to = f" to {models}" if models else ""
    parts = f" in {outlook.parts:,} batches" if outlook.parts > 1 else ""
    tell(f"{count(draft.requests, 'request')}{to}{parts}, {outlook.bytes:,} bytes", "")
    for line in write_estimate(outlook.estimate):
        tell(line)
    for reason in outlook.would_be_held:
        tell(f"it would be held until somebody releases it: {reason}")
    first, prompt = draft.first
    tell(f"the first: {first}")
    tell(clip(" ".join(prompt.split()), FIRST_SHOWN), "    ")


def _tell_more(total: int) -> None:
    if total > SHOWN:
        say(f"    and {total - SHOWN:,} more")
