"""The alert rules and the dashboard: they can be read, and ask for what there really is."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from batchbox.domain.operator_commands import FLAGS
from batchbox.telemetry.log_events import EVENTS
from batchbox.telemetry.metric_names import MEASURES
from batchbox.telemetry.metrics import KINDS, STAGE_NAMES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "systemd" / "monitoring" / "batchbox.rules.yml"  # JSON, which is YAML: no parser is needed
DASHBOARD = ROOT / "systemd" / "monitoring" / "batchbox.dashboard.json"
PAGE = ROOT / "docs" / "observe.md"

PROMTOOL = shutil.which("promtool")
SAMPLES = {sample: measure for name, measure in MEASURES.items() for sample in measure.samples(name)}
KNOWN = {"stage": {*STAGE_NAMES}, "event": {*EVENTS}, "flag": {*FLAGS}, "kind": {*KINDS}}
SELECTOR = re.compile(r"(batchbox_[a-z_]+)(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
ALWAYS = {"instance", "spool"}


def rules() -> list[dict[str, Any]]:
    groups = json.loads(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> list[str]:
    """Return all that is asked of Prometheus."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + asked


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    """Each name is a metric's, each label one that it has, each value one that it may take."""
    selectors = SELECTOR.findall(expression)
    assert selectors
    for name, labels in selectors:
        measure = SAMPLES[name]
        for label, how, value in MATCHER.findall(labels):
            assert label in {*measure.labels} | ALWAYS, expression
            values = set(value.split("|") if "~" in how else [value])
            assert label not in KNOWN or values <= KNOWN[label], expression


def test_each_rule_says_what_to_do() -> None:
    """How bad it is, what it is, what to do, and where to read on: a heading of the page."""
    page = PAGE.read_text(encoding="utf-8")
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["fix"]
        assert f"\n### {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"docs/observe.md#{rule['alert'].lower()}"


def test_the_dashboard_is_laid_out() -> None:
    """No two panels lie on each other, and each has a title and a question."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["targets"]
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert max(columns) < 24
        assert not cells & taken
        taken |= cells


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_the_rules() -> None:
    """Prometheus's own check has no complaint."""
    command = [str(PROMTOOL), "check", "rules", str(RULES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
