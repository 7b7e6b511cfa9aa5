"""Images: submit again, with few and large requests."""

from tests.bench.submit import measure_images as measure

__all__ = ["NAME", "measure"]

NAME = "images"
