"""The table of what comes in that should not: each line of it is held to by tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE, PARTING = "tests/stages/test_scenario_engine.py", "tests/stages/test_merge_and_split.py"
MISTAKES = "tests/project/scenario_mistakes.yaml"
PRINT = "tests/plugins/destinations/test_print.py"
HELD_TO = {
    "an event from before the account": [
        (ENGINE, "def test_an_event_from_before_the_account_counts_when_it_is_recent_enough")
    ],
    "an event that comes in late": [
        ("tests/stages/test_decide.py", "def test_a_trigger_counts_within_valid_for_and_when_it_arrives_late")
    ],
    "an event years old": [(ENGINE, "def test_events_in_the_future_too_old_or_without_a_person_start_nothing")],
    "an event in the future": [(ENGINE, "def test_events_in_the_future_too_old_or_without_a_person_start_nothing")],
    "an event that comes twice": [(ENGINE, "def test_the_same_event_in_two_loads_and_two_ticks_counts_once")],
    "an event without a person": [(ENGINE, "def test_events_in_the_future_too_old_or_without_a_person_start_nothing")],
    "scenarios that start each other": [
        (MISTAKES, "scenarios start each other in a circle: thanks -> thanks"),
        ("tests/stages/test_scenarios_in_a_circle.py", "def test_a_circle_over_segments_goes_round_once_per_run"),
    ],
    "a wait of zero": [
        (MISTAKES, "a wait of zero is no wait: leave it out"),
        (MISTAKES, "nothing starts within no time at all"),
        (MISTAKES, "`within` is no time at all: nothing could reach the goal"),
    ],
    "`again after` shorter": [
        (MISTAKES, "people may enter again after 2 days, but the steps can take 3 days"),
        (MISTAKES, "again after no time at all would never end"),
    ],
    "a segment that asks for itself": [
        ("tests/stages/test_segment_forms.py", "it asks for itself"),
        ("tests/stages/test_segment_forms.py", "def test_a_circle_over_sets_is_told"),
    ],
    "29 February": [
        (ENGINE, "def test_a_date_that_comes_back_every_year_starts_on_its_day"),
        ("tests/expressions/cases.yaml", 'anniversary(x)", given: {x: 2008-02-29}'),
    ],
    "two people become one": [
        (ENGINE, "def test_people_who_merge_while_both_wait_go_on_as_one"),
        (PARTING, "def test_two_who_were_welcomed_are_not_welcomed_a_second_time_as_one"),
    ],
    "one person turns out to be two": [
        (PARTING, "def test_who_is_taken_out_of_another_goes_on_where_the_merge_stopped_him"),
        (PARTING, "def test_who_is_taken_out_too_late_is_not_welcomed_any_more"),
    ],
    "a row that is gone": [("tests/stages/test_scenarios.py", "def test_a_cart_that_is_gone_interrupts_r19")],
    "a template with an endless loop": [
        ("tests/test_templates.py", "its loops go round more than"),
        ("tests/test_templates.py", "def test_output_has_a_limit"),
        ("tests/stages/test_activate.py", "def test_a_message_that_can_not_be_rendered_is_parked_and_the_others_go"),
    ],
    "a letter that never ends": [
        (PRINT, "def test_a_template_that_takes_too_much_or_reaches_out_is_stopped_and_the_others_go"),
        (PRINT, "def test_a_template_without_an_end_is_stopped_and_the_next_letter_is_set"),
    ],
    "news between two runs as of one moment": [
        (
            "tests/stages/test_segment.py",
            "def test_r26_news_at_the_same_moment_corrects_what_it_saw_and_moves_nobody_twice",
        )
    ],
    "a scorer without enough data": [
        ("tests/stages/test_scorers.py", "def test_a_scorer_without_data_refuses_and_nobody_has_a_score"),
        ("tests/plugins/scorers/test_learned.py", "def test_too_little_history_is_refused"),
    ],
}


def lines() -> list[str]:
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    section = page.split("## What comes in that should not\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (?!what |---)(.+?) \|", section, re.MULTILINE)


def test_every_line_of_the_table_is_held_to() -> None:
    assert len(lines()) == len(HELD_TO)
    for line, beginning in zip(lines(), HELD_TO, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize(("file", "text"), [held for found in HELD_TO.values() for held in found])
def test_what_holds_to_it_is_there(file: str, text: str) -> None:
    assert text in (ROOT / file).read_text(encoding="utf-8")
