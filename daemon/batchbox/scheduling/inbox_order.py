"""The line: in which order the files of the inbox are looked at and taken, fair between queues. Pure."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from batchbox.domain.priorities import Priority
from batchbox.domain.stability import InboxFile

FREE_FACTOR = 4  # a queue may have so many times as many jobs as there are places free


def has_share(jobs: int, free: int) -> bool:
    """Say whether a queue with so many jobs may have one more while *free* places are left.

    One queue alone comes to four fifths of all places, two to four ninths each: whoever comes next finds
    some, whatever a flood has taken. (Choudhury and Hahne, "Dynamic queue length thresholds for
    shared-memory packet switches", 1998.)
    """
    return jobs < FREE_FACTOR * free


class InboxOrder:
    """Files that are to be looked at: urgent ones first, then the queues in turn, in each the oldest first.

    *files*: with their priorities, oldest first. *last*: when each queue had its last turn; the higher, the
    later.
    """

    def __init__(
        self, files: Iterable[tuple[Priority, InboxFile]] = (), last: Mapping[str, int] | None = None
    ) -> None:
        last = last or {}
        found: dict[Priority, dict[str, deque[InboxFile]]] = {priority: {} for priority in Priority}
        for priority, incoming in files:
            found[priority].setdefault(incoming.queue, deque()).append(incoming)
        self._queues = {
            priority: deque(sorted(queues.items(), key=lambda one: last.get(one[0], 0)))
            for priority, queues in found.items()
        }
        self._length = sum(len(files) for queues in found.values() for files in queues.values())

    def __len__(self) -> int:
        """Return how many files are left."""
        return self._length

    def count(self) -> Counter[str]:
        """Return how many files each queue has left, as far as it has any."""
        found = Counter[str]()
        for queues in self._queues.values():
            for name, files in queues:
                found[name] += len(files)
        return found

    def pop(self, may_go: Callable[[str], bool]) -> InboxFile | None:
        """Remove and return the next file of a queue that *may_go*; None if there is none."""
        for queues in self._queues.values():
            for _ in range(len(queues)):
                name, files = queues[0]
                queues.rotate(-1)
                if not may_go(name):
                    continue
                self._length -= 1
                incoming = files.popleft()
                if not files:
                    queues.pop()
                return incoming
        return None

    def __iter__(self) -> Iterator[InboxFile]:
        """Yield the files as they would come if all queues might go."""
        for queues in self._queues.values():
            turns = deque(iter(files) for _, files in queues)
            while turns:
                files = turns.popleft()
                if incoming := next(files, None):
                    turns.append(files)
                    yield incoming
