"""The list of events is complete: what the source can log is in it, and nothing else is."""

import re

from batchbox.telemetry.log_events import DEBUG, ENDS, ERROR, EVENTS, TROUBLE
from tests.telemetry.source import Logged, logged

CALLS = list(logged())


def _of(event: str) -> list[Logged]:
    return [call for call in CALLS if call.event == event]


def test_every_event_has_a_plain_name() -> None:
    """A name that is put together at run time could not be looked up."""
    assert not [call.place for call in CALLS if not re.fullmatch(r"[a-z]+\.[a-z_]+", call.event or "")]


def test_the_list_and_the_source_name_the_same_events() -> None:
    """Both ways: nothing is logged that is not listed, and nothing is listed that is never logged."""
    assert {call.event for call in CALLS} == EVENTS.keys()


def test_levels_are_those_of_the_source() -> None:
    """An event comes with the levels that the list says."""
    for name, event in EVENTS.items():
        levels = {call.level for call in _of(name)}
        assert levels == set(event.levels) or levels == {"log"}, name


def test_keys_are_those_of_the_list() -> None:
    """No call gives a key that the list does not know."""
    wrong = [call.place for call in CALLS if call.event in EVENTS and call.keys - {*EVENTS[call.event].keys}]
    assert not wrong


def test_what_needs_a_person_says_what_to_do() -> None:
    """Errors that stand, or that no other event explains, carry the problem and the fix."""
    led_to_by = {"part.undecided", "part.gone"}  # the job is held in the next turn: job.held has the fix
    for name, event in EVENTS.items():
        if ERROR in event.levels and name not in led_to_by:
            assert {*TROUBLE} <= {*event.keys}, name


def test_what_ends_a_trouble_is_an_event() -> None:
    """Each name in the table of ends is listed; what ends there is told with pauses."""
    assert ENDS.keys() <= EVENTS.keys()
    assert all(EVENTS[name].repeats is not None for names in ENDS.values() for name in names)
    assert not [name for name, event in EVENTS.items() if DEBUG in event.levels and len(event.levels) > 1]
