"""The tally of a part: its rows by outcome, and what they used and cost by model."""

from bisect import bisect_left
from datetime import datetime

from batchbox.domain.records import Tokens
from batchbox.domain.usage import PricedUsage
from batchbox.formats.row_checks import SUCCEEDED, ResultRow
from batchbox.ports.api import Api


class RowTotals:
    """Counts rows. *api* knows the prices as they are at *now*."""

    def __init__(self, api: Api, now: datetime) -> None:
        self._api = api
        self._now = now
        self._tiers: dict[str, tuple[int, ...]] = {}
        self._spent: dict[tuple[str, int, bool], PricedUsage] = {}
        self._unread: dict[str, int] = {}
        self._again_outcomes: dict[str, int] = {}
        self.again: set[int] = set()  # numbers of the requests that are worth another try
        self.outcomes: dict[str, int] = {}

    def enter(self, number: int, row: ResultRow) -> None:
        """Count the row of request *number*."""
        self.outcomes[row.outcome] = self.outcomes.get(row.outcome, 0) + 1
        if row.outcome == SUCCEEDED:
            self._spend(row)
        elif row.again:
            self.again.add(number)
            self._again_outcomes[row.outcome] = self._again_outcomes.get(row.outcome, 0) + 1

    def _spend(self, row: ResultRow) -> None:
        usage, model = row.usage, row.model
        if usage is None:
            self._unread[model] = self._unread.get(model, 0) + 1
            return
        if model not in self._tiers:
            self._tiers[model] = self._api.tiers(model, self._now)
        key = (model, bisect_left(self._tiers[model], usage.input_in_all), usage.is_in_us)
        if key not in self._spent:
            self._spent[key] = PricedUsage()
        self._spent[key].add(usage)

    def final_outcomes(self, again: bool) -> dict[str, int]:
        """Return the counts; without the rows that go out again, if they do."""
        less = self._again_outcomes if again else {}
        counts = {name: number - less.get(name, 0) for name, number in self.outcomes.items()}
        return {name: number for name, number in counts.items() if number}

    def usage(self) -> dict[str, Tokens]:
        """Return what each model used and cost; usage that could not be read has no known price."""
        total = {model: Tokens(requests=count, cost_usd=None) for model, count in self._unread.items()}
        for (model, _, _), spent in self._spent.items():
            prices = [self._api.price(model, spent, self._now, in_batch) for in_batch in (True, False)]
            tokens = _count_tokens(spent, *prices)
            total[model] = total[model].plus(tokens) if model in total else tokens
        return total


def _count_tokens(spent: PricedUsage, cost_usd: float | None, unbatched_usd: float | None) -> Tokens:
    return Tokens(
        requests=spent.requests,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cache_creation_input_tokens=spent.cache_creation_input_tokens,
        cache_read_input_tokens=spent.cache_read_input_tokens,
        cost_usd=cost_usd,
        unbatched_usd=unbatched_usd,
    )
