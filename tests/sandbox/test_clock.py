"""The stand-in's own time: let pass at once, and shown wrongly by some of its machines."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]

HOUR = 3600.0
CLOSE = timedelta(minutes=5)


def read_date(client: anthropic.Anthropic) -> datetime:
    """Return the Date header of a list."""
    return parsedate_to_datetime(client.messages.batches.with_raw_response.list().headers["date"])


def test_time_passes_at_once(sandbox: Sandbox, client: anthropic.Anthropic, create: Create) -> None:
    """Work that takes an hour is done when an hour has been let pass, and the Date header says so."""
    batch, before = create(), read_date(client)
    sandbox.pass_time(HOUR / 2)
    assert client.messages.batches.retrieve(batch.id).processing_status == "in_progress"
    sandbox.pass_time(HOUR / 2)
    assert client.messages.batches.retrieve(batch.id).processing_status == "ended"
    assert timedelta(0) <= read_date(client) - before - timedelta(hours=1) < CLOSE


def test_what_is_stored_late_comes_when_its_time_has_passed(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """Five minutes later means that much of the stand-in's time."""
    sandbox.order("create", "late_store", seconds=300)
    with pytest.raises(anthropic.APIConnectionError):
        create()
    sandbox.pass_time(200)
    assert client.messages.batches.list().data == []
    sandbox.pass_time(101)
    assert len(client.messages.batches.list().data) == 1


def test_hidden_and_not_answered(sandbox: Sandbox, client: anthropic.Anthropic, create: Create) -> None:
    """A batch may be stored, its answer lost, and no list show it for a while."""
    sandbox.order("create", "hide", seconds=300, lost=True)
    with pytest.raises(anthropic.APIConnectionError):
        create()
    assert len(sandbox.batches()) == 1
    assert client.messages.batches.list().data == []
    sandbox.pass_time(301)
    assert len(client.messages.batches.list().data) == 1


def test_machines_disagree(sandbox: Sandbox, client: anthropic.Anthropic, create: Create) -> None:
    """Each call is answered by the next machine; a batch keeps the time of the one that stored it."""
    truth = read_date(client)
    sandbox.skew(600, -7200)
    batches = [create() for _ in range(2)]
    shown = [batch.created_at - truth for batch in batches]
    # The order itself has put the first machine's turn behind it.
    assert [round(each.total_seconds(), -2) for each in shown] == [-7200, 600]
    assert abs(read_date(client) - truth + timedelta(seconds=7200)) < CLOSE
    assert client.messages.batches.retrieve(batches[0].id).created_at == batches[0].created_at
    sandbox.skew()
    assert abs(read_date(client) - truth) < CLOSE


def test_work_goes_by_the_true_time(start: Start, connect: Connect, create: Create) -> None:
    """A machine whose clock is wrong shows wrong times, and ends nothing sooner or later."""
    sandbox = start(work_seconds=0.0)
    sandbox.skew(7200)
    client = connect(sandbox)
    batch = create(by=client)
    assert client.messages.batches.retrieve(batch.id).processing_status == "ended"


@pytest.mark.parametrize(("listing", "newest"), [("stored", 1), ("created", 0)])
def test_the_list_goes_by_one_of_two_orders(
    start: Start, connect: Connect, create: Create, listing: str, newest: int
) -> None:
    """Newest first may mean stored last, or stamped last by a clock that is wrong."""
    sandbox = start(listing=listing)
    client = connect(sandbox)
    sandbox.skew(0, 60)
    batches = [create(by=client) for _ in range(2)]
    assert client.messages.batches.list().data[0].id == batches[newest].id


def test_a_page_may_be_smaller_than_asked_for(start: Start, connect: Connect, create: Create) -> None:
    """A small page says that the list goes on, and the SDK follows it to its end."""
    sandbox = start(largest_page=2)
    client = connect(sandbox)
    batches = [create(by=client).id for _ in range(5)]
    page = client.messages.batches.list(limit=1000)
    assert (len(page.data), page.has_more) == (2, True)
    assert [batch.id for batch in page] == batches[::-1]


def test_a_reset_sets_the_clock_right(sandbox: Sandbox, client: anthropic.Anthropic) -> None:
    """After a reset no time has passed and every machine is right."""
    before = read_date(client)
    sandbox.pass_time(HOUR)
    sandbox.skew(7200)
    sandbox.reset()
    assert abs(read_date(client) - before) < CLOSE


def test_time_never_goes_back(sandbox: Sandbox) -> None:
    """A wrong order names what is known."""
    with pytest.raises(ValueError, match="known details: pass_seconds, skews"):
        sandbox.pass_time(-1)
