"""`retry` of a finished file: what can be asked as it is, is; what has to be corrected first is told."""

import pytest

from batchbox.cli.control.retry_finished import retry_finished
from batchbox.domain.errors import Stop
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start


def test_lines_with_mistakes_alone_are_not_tried_again(start: Start) -> None:
    """They would be refused at once: nothing is dropped, and what to do is told."""
    engine = start(bad_lines="skip")
    engine.drop("a.jsonl", b'"one"\n{oops\n')
    engine.run_to_end()
    with pytest.raises(Stop, match="has mistakes") as caught:
        retry_finished(engine.root, engine.manifests("done")[0], as_json=False)
    assert "a.errors.jsonl" in caught.value.fix
    assert not list((engine.root / "inbox").iterdir())


def test_lines_with_mistakes_among_others_are_told(
    start: Start, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are asked again; the next errors file has those that are left, as the first had them."""
    sandbox.outcome("one", "expired")
    engine = start(bad_lines="skip", max_attempts=1)
    engine.drop("a.jsonl", b'{oops\n"one"\n')
    engine.run_to_end()
    retry_finished(engine.root, engine.manifests("done")[0], as_json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "1 line of it will be left out again: correct a.errors.jsonl" in told
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("a.retry")] == ["line-000002"]
    assert [row["raw"] for row in engine.rows("a.retry", "errors")] == ["{oops"]
