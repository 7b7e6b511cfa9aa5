"""Notices: real programs and a real receiver get them, whatever hangs, fails or is away for a while."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from batchbox.domain.timestamps import format_time
from batchbox.notify.delivery import Delivery
from batchbox.notify.targets import Targets
from batchbox.ports.clock import SystemClock
from batchbox.reports.notifications import Notification, Way
from batchbox.settings.queues import NotifyOn
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.notification_files import NotificationFiles
from tests.support.daemon import wait_for
from tests.support.receiver import SECRET, Receiver, verify

JOB = "20261123T060000Z-0123456789ab"
NASTY = "$(touch PWNED); `id` 'a' \"b\" -rf %0A ü"
Hire = Callable[..., Delivery]
Log = list[Any]


def letter(way: Way = "command", queue: str = "default", number: int = 0, at: str = "") -> Notification:
    job = f"{JOB[:-2]}{number:02d}"
    data = {"status": "succeeded", "message": "Every request was answered.", "file": NASTY, "receipt": "a"}
    facts = {"at": at or format_time(SystemClock().now()), "kind": "receipt.published", "data": data}
    return Notification(id=f"{job}-receipt", way=way, queue=queue, job=job, output="a.receipt.json", **facts)


@pytest.fixture
def letters(tmp_path: Path) -> NotificationFiles:
    (tmp_path / "state").mkdir()
    return NotificationFiles(Layout(tmp_path))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


@pytest.fixture
def hire(tmp_path: Path, letters: NotificationFiles) -> Iterator[Hire]:
    """Hire couriers who are quick to try again; *notices* by queue."""
    with ExitStack() as stack:

        def start(
            seconds: float = 20.0, pauses: tuple[float, ...] = (0.01,), **notices: NotifyOn
        ) -> Delivery:
            environ = os.environ | {"ANTHROPIC_API_KEY": "sk-secret"}
            receivers = Targets(lambda queue: tmp_path / "outbox" / queue, SystemClock(), environ, seconds)
            courier = Delivery(
                letters, receivers, lambda queue: notices.get(queue, NotifyOn()), SystemClock(), pauses
            )
            courier.start()
            return stack.enter_context(closing(courier))

        yield start


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as found:
        yield found


def told(log: Log, event: str) -> Log:
    return [facts for facts in list(log) if facts["event"] == event]


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / f"script{len(list(tmp_path.iterdir()))}.py"
    path.write_text(text)
    return (sys.executable, "-I", str(path))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


def test_a_program_gets_the_facts_and_no_key(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log
) -> None:
    """In its environment and on its stdin; a nasty name is data; what it prints is in the log."""
    out = tmp_path / "out.json"
    text = (
        "import json,os,sys;facts=[dict(os.environ),json.load(sys.stdin)];"
        f"json.dump(facts,open({str(out)!r},'w'));print('hi')"
    )
    letters.put(letter())
    hire(default=NotifyOn(command=(*script(tmp_path, text), NASTY)))
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")
    environ, body = json.loads(out.read_text())
    assert environ["BATCHBOX_RECEIPT"] == str(tmp_path / "outbox" / "default" / "a.receipt.json")
    assert environ["BATCHBOX_FILE"] == body["data"]["file"] == NASTY
    assert (environ["BATCHBOX_STATUS"], environ["BATCHBOX_QUEUE"]) == ("succeeded", "default")
    assert "sk-secret" not in str(environ)
    assert body["type"] == "receipt.published"
    assert told(log, "notice.delivered")[0]["told"] == "hi"
    assert letters.pending() == []
    assert not list(tmp_path.glob("**/PWNED"))


def test_one_that_fails_is_told_again_until_it_has_it(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log
) -> None:
    """Exit code 0 means: got it."""
    text = f"import os,sys;p={str(tmp_path / 'n')!r};open(p,'a').write('x');sys.exit(os.stat(p).st_size<3)"
    letters.put(letter())
    hire(default=NotifyOn(command=script(tmp_path, text)))
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")
    assert len(told(log, "notice.postponed")) == 2
    assert told(log, "notice.delivered")[0]["tries"] == 3


@pytest.mark.parametrize("text", ["", "import os;os.close(1);os.close(2);"])
def test_one_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log, text: str
) -> None:
    """And keeps no other queue waiting."""
    pids = tmp_path / "pids"
    child = "import os,subprocess,sys,time;p=subprocess.Popen(['sleep','600']);"
    note = f"open({str(pids)!r},'w').write(f'{{os.getpid()}} {{p.pid}} ');"
    letters.put(letter(queue="hanging"))
    letters.put(letter(queue="default", number=1))
    hire(
        0.5,
        (60.0,),
        hanging=NotifyOn(script(tmp_path, child + note + text + "time.sleep(600)")),
        default=NotifyOn(("true",)),
    )
    wait_for(lambda: told(log, "notice.delivered"), "a delivery to the other")
    (late,) = wait_for(lambda: told(log, "notice.postponed"), "the end of the one that hangs")
    assert "did not end within 0.5 s" in late["problem"]
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: _is_gone(int(pid)), f"the end of {pid}")  # type: ignore[misc]


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_one_that_prints_without_end_fills_nothing(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log
) -> None:
    """Its last words are kept."""
    letters.put(letter())
    text = "print('x' * 5_000_000);print('the reason\\x1b[31m');raise SystemExit(7)"
    hire(pauses=(60.0,), default=NotifyOn(script(tmp_path, text)))
    (late,) = wait_for(lambda: told(log, "notice.postponed"), "a failure")
    assert "exit code 7" in late["problem"]
    assert late["problem"].endswith("the reason%1B[31m")
    assert len(late["problem"]) < 2500


def test_a_webhook_is_signed_and_the_same_each_time(
    letters: NotificationFiles, hire: Hire, receiver: Receiver, secret: Path, log: Log
) -> None:
    """A receiver that goes by the specification alone can verify it, and knows it again."""
    receiver.answers = [500, 302, 204]
    letters.put(letter("url"))
    hire(default=NotifyOn(url=receiver.url, secret_file=secret))
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")
    assert [verify(*one) for one in receiver.got] == [True] * 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1
    assert json.loads(receiver.got[0][1])["data"]["file"] == NASTY
    problems = [one["problem"] for one in told(log, "notice.postponed")]
    assert problems == ["127.0.0.1 answered 500", "127.0.0.1 answered 302"]
    assert receiver.paths == {"/hook?token=hidden"}
    assert SECRET not in str(log)
    assert "hidden" not in str(log)


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_a_webhook_that_hangs_is_left(
    letters: NotificationFiles, hire: Hire, receiver: Receiver, secret: Path, log: Log, answer: str
) -> None:
    """Also one that answers a byte at a time; other letters of that receiver wait with it."""
    receiver.answers = [answer]
    for number in range(3):
        letters.put(letter("url", number=number))
    courier = hire(0.5, (60.0,), default=NotifyOn(url=receiver.url, secret_file=secret))
    wait_for(lambda: told(log, "notice.postponed"), "a failure")
    courier.settle(20)
    assert len(receiver.got) == 1
    assert courier.pending == len(letters.pending()) == 3


@pytest.mark.parametrize("status", [500, 503])
def test_one_that_is_not_understood_keeps_no_other_waiting(
    letters: NotificationFiles, hire: Hire, receiver: Receiver, secret: Path, log: Log, status: int
) -> None:
    """Its own pauses grow; those of the others do not, also where it looks as if the receiver was deaf."""
    receiver.answers, tries = [status], 1 if status == 500 else 3
    letters.put(letter("url"))
    pauses = (0.01, 0.01, 600.0)[-tries:]
    courier = hire(pauses=pauses, default=NotifyOn(url=receiver.url, secret_file=secret))
    wait_for(lambda: len(told(log, "notice.postponed")) == tries, "failures")
    receiver.answers = [204]
    letters.put(letter("url", number=1))
    courier.wake()
    (one,) = wait_for(lambda: told(log, "notice.delivered"), "a delivery of the other")
    assert one["notice"] == letter("url", number=1).id
    assert letters.pending() == [letter("url").name]


@pytest.mark.parametrize(
    "content", [None, "", "whsec_" + "é" * 40, "whsec_c2hvcnQ=", "not base64 at all", SECRET + "\nx"]
)
def test_nothing_is_sent_unsigned(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, receiver: Receiver, log: Log, content: str | None
) -> None:
    """Without a secret nothing is sent; once there is one, it is."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    letters.put(letter("url"))
    hire(default=NotifyOn(url=receiver.url, secret_file=path))
    late = wait_for(lambda: told(log, "notice.postponed"), "a refusal")
    assert "no secret" in late[0]["problem"]
    assert not receiver.got
    path.write_text(SECRET)
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")


def test_what_an_earlier_process_left_is_brought(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, receiver: Receiver, secret: Path, log: Log
) -> None:
    """Under the same id, at once; what nobody can read is left alone, what nobody wants is dropped."""
    receiver.answers = [503, 204]
    notice = NotifyOn(url=receiver.url, secret_file=secret)
    letters.put(letter("url"))
    first = hire(pauses=(60.0,), default=notice)
    wait_for(lambda: told(log, "notice.postponed"), "a failure")
    first.close()
    letters.put(letter("url", queue="unwanted", number=1))
    (tmp_path / "state" / "notices" / "broken.json").write_text("{")
    hire(default=notice)
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")
    wait_for(lambda: told(log, "notice.dropped"), "an end of the other")
    assert letters.pending() == ["broken.json"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_what_somebody_has_put_there_keeps_none_waiting(
    tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log
) -> None:
    """A folder, and a letter that tells no time zone, which could never be given up."""
    letters.put(letter(number=1))
    (tmp_path / "state" / "notices" / "0.json").mkdir()
    naive = letter(number=0).model_dump_json().replace('Z","kind"', '","kind"')
    (tmp_path / "state" / "notices" / "00.json").write_text(naive)
    hire(default=NotifyOn(("true",)))
    wait_for(lambda: told(log, "notice.delivered"), "a delivery")
    assert letters.pending() == ["0.json", "00.json"]


def test_after_a_day_it_is_given_up(letters: NotificationFiles, hire: Hire, log: Log) -> None:
    """Not at the first failure: a clock may have been set forward."""
    letters.put(letter(at=format_time(datetime.now(UTC) - timedelta(days=2))))  # noqa: TID251
    letters.put(letter(number=1))
    hire(pauses=(0.01, 0.01, 0.01, 60.0), default=NotifyOn(("/nowhere/to/be found",)))
    (given_up,) = wait_for(lambda: told(log, "notice.given_up"), "the end of it")
    assert given_up["tries"] == 3
    assert "/nowhere/to/be found cannot be run: No such file" in given_up["problem"]
    assert letters.pending() == [letter(number=1).name]


def test_the_end_waits_for_nobody(tmp_path: Path, letters: NotificationFiles, hire: Hire, log: Log) -> None:
    """A program that hangs is ended, and its letter is kept."""
    started = tmp_path / "started"
    text = f"import os,time;open({str(started)!r},'w').write(str(os.getpid()));time.sleep(600)"
    letters.put(letter())
    courier = hire(600.0, default=NotifyOn(script(tmp_path, text)))
    pid = wait_for(lambda: started.read_text() if started.exists() else "", "its start")
    courier.close()
    wait_for(lambda: _is_gone(int(pid)), "its end")
    assert len(letters.pending()) == 1
    assert not told(log, "notice.delivered")
