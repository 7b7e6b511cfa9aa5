"""The service in the lab, and those who drop files into its spool."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.daemon import wait_for
from tests.systemd.lab import SPOOL, Lab

DROP_INS = "/etc/systemd/system/{}.service.d"


class Unit:
    """A service of ours."""

    def __init__(self, lab: Lab, name: str = "batchbox", spool: str = SPOOL) -> None:
        self.lab = lab
        self.name = name
        self.spool = spool
        self._since = lab.mark()
        self._extra: list[str] = []

    def change(self, text: str, name: str = "test") -> None:
        """Put a drop-in beside it."""
        place = f"{DROP_INS.format(self.name)}/{name}.conf"
        self.lab.write(place, text)
        self._extra.append(place)
        self.lab.run("systemctl", "daemon-reload")

    def systemctl(self, verb: str, check: bool = True) -> str:
        """Do *verb* with it; return what systemctl has to say."""
        done = self.lab.run("systemctl", verb, self.name, check=check)
        return done.stdout + done.stderr

    def show(self, name: str) -> str:
        """Return a property of it."""
        return self.lab.show(self.name, name)

    def await_state(self, state: str, restarts: int = 0) -> None:
        """Wait until it is in *state*, and was started again at least so many times."""
        wait_for(
            lambda: self.show("ActiveState") == state and int(self.show("NRestarts")) >= restarts,
            f"{self.name} to be {state} after {restarts} restarts",
            seconds=30,
        )

    def journal(self) -> str:
        """Return what was logged of it since the test began."""
        return self.lab.journal(self.name, self._since)

    def await_logged(self, text: str) -> None:
        """Wait until *text* stands in the journal."""
        wait_for(lambda: text in self.journal(), f"{text!r} in the journal", seconds=30)

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        """Have a file out of the way for the length of the block."""
        self.lab.run("mv", path, f"{path}.away")
        yield
        self.lab.run("mv", f"{path}.away", path)

    def restore(self) -> None:
        """Stop it, and leave nothing of a test."""
        self.systemctl("stop", check=False)
        for place in self._extra:
            self.lab.run("rm", "-f", place)
        self.lab.run("systemctl", "daemon-reload")
        self.systemctl("reset-failed", check=False)

    def drop(self, name: str, user: str = "alice", lines: int = 3) -> None:
        """Drop a file, as *user* does it."""
        temp = f"{self.spool}/inbox/.{name}.tmp"
        text = "".join(f'"question {number} of {name}"\n' for number in range(lines))
        place = f"{self.spool}/inbox/{name}.jsonl"
        self.lab.shell(f"umask 027; cat > {temp} && mv {temp} {place}", user=user, given=text)

    def receipt(self, name: str, user: str = "alice") -> dict[str, Any]:
        """Return the receipt of *name* once *user* can read it."""
        path = f"{self.spool}/outbox/{name}.receipt.json"
        text = wait_for(
            lambda: self.lab.run("cat", path, user=user, check=False).stdout, f"the receipt of {name}", 30
        )
        found: dict[str, Any] = json.loads(text)
        return found

    def sent(self) -> list[str]:
        """Return the ids of all requests that the stand-in ever accepted."""
        script = (
            "import json; from batchbox_sandbox.remote import Sandbox;"
            "print(json.dumps([b['custom_ids'] for b in Sandbox('http://127.0.0.1:8080').batches()]))"
        )
        return [one for ids in self.lab.python(script) for one in ids]
