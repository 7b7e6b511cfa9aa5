"""Everything that can go wrong with a call, each fault with a few fitting details."""

from dataclasses import dataclass, field
from typing import Any

from tests.faults_api.world import LATER_SECONDS

NOWHERE = "http://127.0.0.1:9"
BATCHES = "/v1/messages/batches"
SPENT = "You have reached your specified workspace API usage limits."

REFUSALS: list[dict[str, Any]] = [
    *({"status": status} for status in (400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429)),
    *({"status": status} for status in (500, 502, 503, 504, 529)),
]
ODD_REFUSALS: list[dict[str, Any]] = [
    *({"status": status, "early": True} for status in (401, 413, 500)),
    {"status": 400, "message": SPENT},
    {"status": 400, "error_code": "organization_on_hold"},
    {"status": 400, "error_code": "cmek_key_disabled"},
    {"status": 401, "error_type": "permission_error"},
    {"status": 403, "error_type": "forbidden"},
    {"status": 403, "error_type": "billing_error", "error_code": "organization_on_hold"},
    {"status": 408, "error_type": "timeout_error", "error_code": "request_body_timeout"},
    {"status": 429, "error_code": "enforced_spend_limit_reached"},
    *({"status": 429, "retry_after": after} for after in (0, 30, 0.5, 7200, "soon", "", "nan", "-5", "inf")),
    {"status": 503, "retry_after": 30},
    {"status": 529, "retry_after": 600},
]
PAGES = (400, 401, 403, 404, 429, 500, 502, 503, 504, 520)
ANSWERS: list[tuple[str, dict[str, Any]]] = [
    *(("refuse", details) for details in REFUSALS),
    ("html", {"status": 400}),
    ("html", {"status": 502}),
    ("html", {"status": 502, "after": True}),
    ("error_after", {"status": 500}),
    ("drop_before", {}),
    ("drop_after", {}),
    ("redirect", {"location": NOWHERE, "status": 307}),
    ("redirect", {"location": BATCHES, "status": 303}),
    ("garbage", {}),
    ("empty", {}),
]
VIEWS: list[tuple[str, dict[str, Any]]] = [
    ("foreign_results_url", {"url": NOWHERE}),
    ("relative_results_url", {}),
    ("late", {"seconds": 0.02}),
]
MISSING: list[tuple[str, dict[str, Any]]] = [("not_found", {})]
CREATES: list[tuple[str, dict[str, Any]]] = [
    *(("refuse", details) for details in ODD_REFUSALS),
    *(("html", {"status": status}) for status in PAGES if status not in (400, 502)),
    *(("html", {"status": status, "after": True}) for status in PAGES if status != 502),
    *(("error_after", {"status": status}) for status in (408, 409, 502, 503, 504, 529)),
    *(("redirect", {"location": NOWHERE, "status": status}) for status in (301, 302, 303, 308)),
    ("redirect", {"location": BATCHES, "status": 307}),
    *(("drop_before", {"after_bytes": number}) for number in (0, 10)),
    ("html", {"status": 413}),
    ("late", {"seconds": LATER_SECONDS}),
    *(("late_store", {"seconds": seconds}) for seconds in (1, 300, 800)),
    *(("hide", {"seconds": seconds}) for seconds in (1, 300, 7200)),
    *(("hide", {"calls": calls}) for calls in (1, 20)),
    *(("hide", {"seconds": seconds, "lost": True}) for seconds in (300, 800)),
    ("hide", {"calls": 1, "lost": True}),
    ("foreign_results_url", {"url": NOWHERE}),
    ("relative_results_url", {}),
]
FRAMINGS = ("length", "chunked", "close")
STREAMS: list[tuple[str, dict[str, Any]]] = [
    *(("cut", {"where": "line_end", "framing": framing}) for framing in FRAMINGS),
    *(("cut", {"where": "mid_line", "framing": framing}) for framing in FRAMINGS),
    ("cut", {"where": "mid_line", "rows": 0, "framing": "close"}),
    ("short", {}),
    ("short", {"rows": 0}),
    ("missing_row", {}),
    ("doubled_row", {}),
    ("stranger_row", {"place": "first"}),
    ("stranger_row", {"place": "first", "rows": 0}),
    ("stranger_row", {"place": "first", "rows": 1}),
    ("stranger_row", {"place": "last"}),
    ("stranger_row", {"place": "first", "custom_id": "a"}),
    ("unknown_type", {}),
    ("slow", {"seconds": 0.005}),
]
FOR_GOOD = (400, 413, 422)  # if the API says so in its own words, and not for reasons that may pass


@dataclass(frozen=True)
class Mishap:
    """A fault at a call."""

    call: str
    fault: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.details}"

    @property
    def is_refusal(self) -> bool:
        """Whether the API says for good that it does not want a part."""
        passing = self.details.get("error_code") or self.details.get("message")
        page = self.fault == "html" and self.details["status"] == 413
        said = self.fault == "refuse" and self.details["status"] in FOR_GOOD and not passing
        return self.call == "create" and (page or said)

    @property
    def is_partial(self) -> bool:
        """Whether a row is published that is not an answer."""
        return self.fault == "unknown_type"


def list_mishaps() -> list[Mishap]:
    """Return every fault at every call."""
    reads = ANSWERS + VIEWS
    found = [Mishap("create", *each) for each in ANSWERS + CREATES]
    found += [Mishap("list", *each) for each in reads]
    found += [Mishap("list", "refuse", details) for details in ODD_REFUSALS]
    found += [Mishap("retrieve", *each) for each in reads + MISSING]
    found += [Mishap("results", *each) for each in ANSWERS + MISSING]
    found += [Mishap("cancel", *each) for each in reads + MISSING]
    found.append(Mishap("results", "late", {"seconds": 0.02}))
    found += [Mishap("results", *each) for each in STREAMS]
    return found


MISHAPS = list_mishaps()


def thin_out(mishaps: list[Mishap]) -> list[Mishap]:
    """Return the mishaps that lead to different ways through the engine: few details of each fault."""
    statuses = (400, 401, 404, 409, 413, 500, 529)
    kept = [
        one for one in mishaps if one.fault == "refuse" and one.details in [{"status": s} for s in statuses]
    ]
    kept += [one for one in mishaps if one.details == {"status": 429, "retry_after": 30}]
    seen: dict[tuple[str, str], int] = {}
    for one in mishaps:
        key = (one.call, one.fault)
        seen[key] = seen.get(key, 0) + 1
        if one.fault != "refuse" and seen[key] <= (4 if one.fault in ("cut", "stranger_row", "hide") else 1):
            kept.append(one)
    return kept


PAIRED = thin_out(MISHAPS)
