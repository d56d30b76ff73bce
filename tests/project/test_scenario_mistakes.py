"""What is wrong with a scenario is told with its place, before anything runs (R11)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = yaml.safe_load(Path(__file__).with_name("scenario_mistakes.yaml").read_text(encoding="utf-8"))
FILE = "scenarios/thanks.yaml"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=[(case["to"] or case["change"]).splitlines()[-1] for case in CASES])
def test_a_mistake_in_a_scenario_is_told_with_its_place(shop: Any, case: dict[str, Any]) -> None:
    shop.change(FILE, case["change"], case["to"])
    assert shop.problems() == case["told"]


@pytest.mark.parametrize(
    "steps",
    [
        "wait: {until: clicked or ordered, at_most: 7 days}",
        "if: opened and happened('login') or bounced and not delivered\n    then: stop\n    else: end",
        "wait: {to: working day, at: '09:00'}",
        "wait: {date: entered_at + 3 days}",
        "split: {a: {share: 50%, steps: end}, b: {share: 50%}}",
        "end: enough",
        "add_to: regulars\n    for: 30 days\n  - if: in_audience('regulars')\n    then: [{remove_from: regulars}]",
        "set: {last_seen: orders, name: given_name}",
        "task: Ring\n    to: desk\n    by: phone\n    done_when: happened('rung')\n    content: {n: orders}",
        "banner: toys\n    at: home\n    for: 14 days",
    ],
)
def test_what_is_right_is_told_nothing(shop: Any, steps: str) -> None:
    shop.change(FILE, "content: {orders: orders}", f"content: {{orders: orders}}\n  - {steps}")
    assert shop.problems() == []


def test_scenarios_that_start_each_other_without_end_are_a_mistake(shop: Any) -> None:
    text = (shop.folder / FILE).read_text(encoding="utf-8").replace("target:", "per: person, each time\ntarget:")
    first = text.replace("{of: sales_order}", "{of: message, where: \"scenario = 'second'\"}")
    second = text.replace("{of: sales_order}", "{of: message, where: \"scenario = 'thanks'\"}")
    shop.write(FILE, first)
    shop.write("scenarios/second.yaml", second.replace("scenario: thanks", "scenario: second", 1))
    assert shop.problems() == [
        "scenarios/second.yaml:5:1: scenarios start each other in a circle: second -> thanks -> second"
    ]
    shop.change(FILE, "each time", "once")
    assert shop.problems() == []


def test_a_scenario_that_starts_from_its_own_tasks_again_and_again_is_a_mistake(shop: Any) -> None:
    shop.change(FILE, "{any: [{of: sales_order}]}", "{any: [{of: task}]}\nper: person, each time")
    assert shop.problems() == []
    shop.change(FILE, "content: {orders: orders}", "content: {orders: orders}\n  - task: Ring\n    to: desk")
    assert shop.problems() == ["scenarios/thanks.yaml:5:1: scenarios start each other in a circle: thanks -> thanks"]


MAIL = """{{ salutation }} {{ given_name }}, {{ orders }} {% assign x = city %}{{ x }}
{{ order }} {% for one in lines %}{{ one.total }} {{ forloop.index }}{% endfor %}{% if nickname %}!{% endif %}
{% render "footer.txt", shop: "Ede" %} {{ unsubscribe_url }}"""
TEMPLATES = {
    "thanks/email.txt": MAIL,
    "blocks/footer.txt": "{{ shop }} {{ preferences_url }}\n{{ town }}",
    "blocks/unused.txt": "{{ nobody_asks }}",
}


def test_a_value_that_nobody_gives_a_template_is_told_with_its_place(shop: Any) -> None:
    for name, text in TEMPLATES.items():
        shop.write(f"templates/{name}", text)
    give = " Give it in scenario 'thanks' under `content:` of the step that sends 'thanks'"
    assert shop.problems() == [
        f"templates/blocks/footer.txt:2:4: there is no value 'town'.{give}",
        "templates/thanks/email.txt:2:4: there is no value 'order'. Did you mean 'orders'?",
        f"templates/thanks/email.txt:2:27: there is no value 'lines'.{give}",
        f"templates/thanks/email.txt:2:88: there is no value 'nickname'.{give}",
    ]
    shop.change(
        FILE, "content: {orders: orders}", "content: {orders: 1, order: 2, lines: city, nickname: city, town: city}"
    )
    assert shop.problems() == [
        "templates/thanks/email.txt:2:38: there is no value 'one.total': 'lines' is a single value"
    ]


def test_recommendations_are_a_value_where_the_step_asks_for_them(shop: Any) -> None:
    shop.write("recommendations.yaml", "at_most: 4\n")
    shop.write("templates/thanks/email.txt", "{% for product in recommendations %}{{ product.name }}{% endfor %}")
    (problem,) = shop.problems()
    assert problem.startswith("templates/thanks/email.txt:1:19: there is no value 'recommendations'.")
    shop.change(FILE, "content: {orders: orders}", "content: {orders: orders}\n    recommendations: 3")
    assert shop.problems() == []
    shop.write("templates/thanks/email.txt", "{% for it in recommendations %}{{ it.nme }} {{ it.price }}{% endfor %}")
    assert shop.problems() == ["templates/thanks/email.txt:1:35: there is no value 'it.nme'. Did you mean 'name'?"]


def test_a_block_that_is_not_there_is_told(shop: Any) -> None:
    shop.write("templates/thanks/email.txt", 'Dag {% render "foter.txt" %}')
    assert shop.problems() == ['templates/thanks/email.txt:1:15: there is no block "foter.txt"']


def test_templates_that_liquid_does_not_read_are_told_with_their_places_all_of_them(shop: Any) -> None:
    shop.write("templates/thanks/subject.txt", "Dag {{ given_name | upcas }}")
    shop.write("templates/thanks/email.txt", "Dag\n{% if city %}")
    assert shop.problems() == [
        "templates/thanks/email.txt:2:1: {% if city %} is never closed",
        "templates/thanks/subject.txt:1:21: there is no filter 'upcas'. Did you mean 'upcase'?",
    ]
