"""A glance at a manifest: enough to count it among thousands, too little to decide anything."""

from pydantic import BaseModel

from batchbox.domain.states import JobState, PartState


class PartSummary(BaseModel):
    """Where a part is."""

    state: PartState
    requests: int


class SourceSummary(BaseModel):
    """Where a file came from."""

    queue: str


class ManifestSummary(BaseModel):
    """What a manifest says at a glance: enough to be counted, too little to decide anything."""

    state: JobState
    source: SourceSummary
    parts: tuple[PartSummary, ...]
