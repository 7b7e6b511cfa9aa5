"""How far a transfer has come, as the loop sees it."""

import structlog

from batchbox.engine.steps.progress import TOLD_EVERY, Transfers


def test_the_rate_is_that_between_two_looks() -> None:
    """Bytes a second, of late: a transfer that stalls shows it."""
    transfers = Transfers()
    with transfers.track("job", "sending", "part-001", 1000) as transfer:
        transfer.add(100)
        rates = []
        for moment, more in ((10.0, 0), (12.0, 500), (13.0, 0), (13.0, 7)):
            transfer.add(more)
            rates.append(transfers.look(moment)["job"].rate)
    assert rates == [0, 250, 0, 0]
    assert transfers.look(14.0) == {}


def test_a_long_transfer_is_told_now_and_then() -> None:
    """The log hears of it every so often, from its beginning on, and never of a short one."""
    transfers = Transfers()
    with structlog.testing.capture_logs() as logs, transfers.track("job", "fetching", "part-001") as transfer:
        for moment in range(35):
            transfers.look(float(moment))
            transfer.add(3_000)
    wanted: dict[str, object] = {
        "event": "transfer.progress",
        "log_level": "info",
        "job": "job",
        "part": "part-001",
    }
    wanted |= {"doing": "fetching", "total": None, "rate": 3_000}
    times = [step * int(TOLD_EVERY) for step in (1, 2, 3)]
    assert logs == [wanted | {"bytes": moment * 3_000} for moment in times]


def test_a_transfer_that_fails_is_over() -> None:
    """Whatever ends it, it is told no more."""
    transfers = Transfers()
    try:
        with transfers.track("job", "checking"):
            raise OSError
    except OSError:
        pass
    assert transfers.look(1.0) == {}
