"""A glance at a manifest: enough to count it among thousands, too little to decide anything."""

from pydantic import BaseModel

from batchbox.core.states import JobState, PartState


class PartGlance(BaseModel):
    """Where a part is."""

    state: PartState
    requests: int


class SourceGlance(BaseModel):
    """Where a file came from."""

    queue: str


class Glance(BaseModel):
    """What a manifest says at a glance: enough to be counted, too little to decide anything."""

    state: JobState
    source: SourceGlance
    parts: tuple[PartGlance, ...]
