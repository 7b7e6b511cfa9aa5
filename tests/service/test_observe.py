"""docs/observe.md tells of all events and metrics, as they are."""

from tests.service.tables import PAGE, fill


def test_the_tables_are_as_the_program_has_them() -> None:
    """If not: python -m tests.service.tables."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == fill(page)
