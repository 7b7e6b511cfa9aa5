"""`Sandbox`: the control endpoints as methods, for a sandbox in this process or in any other."""

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 30.0
# Proxies that the environment names are for the world outside, never for loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sandbox:
    """A running sandbox, known by its address alone; a wrong order raises `ValueError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __repr__(self) -> str:
        return f"Sandbox({self.url!r})"

    def order(self, at: str, fault: str, times: int = 1, **details: Any) -> None:
        """Order *fault* for the next calls of the operation *at* (or `any`); see `faults` for the details."""
        self._ask("POST", "faults", {"at": at, "fault": fault, "times": times, **details})

    def faults(self) -> list[dict[str, Any]]:
        """Return the orders that are still open."""
        return list(self._ask("GET", "faults"))

    def clear(self) -> None:
        """Forget every open order, faults and outcomes both."""
        self._ask("DELETE", "faults")
        self._ask("DELETE", "outcomes")

    def outcome(self, match: str, outcome: str, times: int = 1, **details: Any) -> None:
        """Order what becomes of the next requests whose raw JSON contains *match*; see `outcomes`."""
        self._ask("POST", "outcomes", {"match": match, "outcome": outcome, "times": times, **details})

    def batches(self) -> list[dict[str, Any]]:
        """Return every batch ever accepted, oldest first: what would be billed."""
        return list(self._ask("GET", "batches"))

    def calls(self) -> list[dict[str, Any]]:
        """Return every API call, in the order of arrival."""
        return list(self._ask("GET", "calls"))

    def end(self, batch_id: str | None = None) -> list[str]:
        """End one batch, or every live one, with its work done; return the ids."""
        return self._change("end", batch_id)

    def expire(self, batch_id: str) -> list[str]:
        """End a batch as expired, with none of its requests answered."""
        return self._change("expire", batch_id)

    def archive(self, batch_id: str) -> list[str]:
        """Let the results of a batch be gone for good."""
        return self._change("archive", batch_id)

    def delete(self, batch_id: str) -> list[str]:
        """Delete a batch as somebody in the same workspace could, live or not."""
        return self._change("delete", batch_id)

    def stranger(self, count: int, custom_id_prefix: str = "stranger-") -> str:
        """Create a batch as somebody else in the same workspace would, and return its id."""
        return self.strangers(1, count, custom_id_prefix)[0]

    def strangers(self, batches: int, count: int, custom_id_prefix: str = "stranger-") -> list[str]:
        """Create several such *batches* of *count* requests each, and return their ids, oldest first."""
        body = {"batches": batches, "count": count, "custom_id_prefix": custom_id_prefix}
        return list(self._ask("POST", "stranger", body)["ids"])

    def pass_time(self, seconds: float) -> None:
        """Let *seconds* pass at once, with everything that comes due in them."""
        self._ask("POST", "clock", {"pass_seconds": seconds})

    def skew(self, *seconds: float) -> None:
        """Let the next calls be answered in turn by machines whose clocks are wrong by so many *seconds*."""
        self._ask("POST", "clock", {"skews": list(seconds)})

    def reset(self) -> None:
        """Forget every batch, order and call."""
        self._ask("POST", "reset", {})

    def _change(self, name: str, batch_id: str | None) -> list[str]:
        return list(self._ask("POST", name, {"batch_id": batch_id})["ids"])

    def _ask(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.url}/sandbox/{name}"
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - a test's own sandbox
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(_read_error(error)) from None


def _read_error(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code}: {text[:200]}"
