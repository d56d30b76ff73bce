"""Decide: who gets what, by which channel, and why not (R8, R11, R17)."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.ledger import Suppression, digest, hashed, tables
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from tests.stages.engagement import CONNECTIONS, KEY, NOW, WELCOME, Shop, shop_in


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def run(shop: Shop, later: timedelta = timedelta(0)) -> dict[str, int]:
    return dict(decide(shop.warehouse, shop.ledger, shop.project, NOW + later).counts)


def test_a_subscriber_who_can_be_mailed_gets_the_welcome_mail(shop: Shop) -> None:
    shop.newcomer(1, interests="dog")
    assert run(shop) == {"entered": 1, "queued": 1, "handed_over": 1}
    ((id_, outcome, channel, reason, proof, address, content, expires),) = shop.rows(
        "decision", "decision_id", "outcome", "channel", "reason", "consent_key", "address", "content", "expires_at"
    )
    assert (outcome, channel, reason, proof) == ("queued", "email", "email: chosen", "shop:c1")
    assert json.loads(address) == {"email": "person1@example.nl"}
    assert json.loads(content)["species"] == "dog"
    assert expires == NOW - timedelta(hours=2) + timedelta(days=14)
    message = shop.ledger.outbox.get(id_)
    assert message is not None
    assert (message.connection, message.state, message.record) == ("mail", "queued", digest("shop:1"))
    assert shop.rows("message", "connection", "source_key", "record_id", "campaign", "sent_at") == [
        ("mail", id_, "shop:1", "welcome", NOW)
    ]
    assert shop.rows("enrolment", "status", "reason") == [("done", "message queued")]


def test_deciding_twice_changes_nothing(shop: Shop) -> None:
    shop.newcomer(1)
    shop.newcomer(2, consent=())
    run(shop)
    before = [shop.rows(table, *columns) for table, columns in SEEN.items()]
    report = decide(shop.warehouse, shop.ledger, shop.project, NOW + timedelta(minutes=15))
    assert report.skipped
    assert [shop.rows(table, *columns) for table, columns in SEEN.items()] == before
    assert shop.ledger.outbox.counts() == {"queued": 1}


SEEN = {
    "enrolment": ("enrolment_id", "status", "reason", "ended_at"),
    "decision": ("decision_id", "outcome", "reason", "at"),
    "message": ("source_key", "sent_at"),
}


def test_newsletter_and_account_on_one_day_lead_to_one_message_r17(shop: Shop) -> None:
    record = shop.newcomer(1)
    shop.event(record, "account_created", NOW - timedelta(hours=5))
    assert run(shop)["queued"] == 1
    assert shop.rows("enrolment", "entered_at") == [NOW - timedelta(hours=5)]


def test_an_account_alone_is_no_consent_r17(shop: Shop) -> None:
    shop.event(shop.person(1, email="anna@example.nl"), "account_created")
    assert run(shop) == {"entered": 1, "refused": 1}
    assert shop.rows("decision", "outcome", "reason", "channel", "content") == [
        ("refused", "email: no consent; sms: no phone; letter: no complete address", None, None)
    ]


def test_who_gives_consent_in_time_still_gets_the_message(shop: Shop) -> None:
    record = shop.newcomer(1, consent=())
    run(shop)
    shop.consent(record, "email", at=NOW + timedelta(days=2))
    assert run(shop, timedelta(days=3))["queued"] == 1
    assert shop.rows("decision", "outcome", "reason") == [("queued", "email: chosen")]


@pytest.mark.parametrize(
    ("person", "channel"),
    [
        ({"email": "a@example.nl", "phone": "+31612345678", "consent": ["email", "sms"]}, "email"),
        ({"email": None, "phone": "+31612345678", "consent": ["email", "sms"]}, "sms"),
        ({"email": "a@example.nl", "phone": "+32470123456", "consent": ["sms"]}, "sms"),
        ({"phone": "+31201234567", "consent": ["email", "sms"], "email": None}, None),
        ({"phone": "+3197012345678", "consent": ["sms"]}, None),
        ({"phone": "+31201234567", "consent": ["sms", "letter"], "home": True}, "letter"),
        ({"home": True, "email": None}, None),
        ({"home": True, "city": " ", "consent": ["letter"]}, None),
    ],
)
def test_the_first_channel_that_reaches_and_may_is_chosen_r17(shop: Shop, person: dict, channel: str | None) -> None:
    home = {"street": "Dorpsstraat", "house_number": "1", "postcode": "1234AB", "city": "Ons Dorp", "country": "NL"}
    columns = {name: value for name, value in person.items() if name != "home"}
    shop.newcomer(1, **{**(home if "home" in person else {}), "consent": (), **columns})
    run(shop)
    assert shop.rows("decision", "channel") == [channel]


def test_the_reasons_of_channels_that_were_passed_over_are_kept(shop: Shop) -> None:
    shop.newcomer(1, phone="+31612345678", consent=["sms"])
    run(shop)
    assert shop.rows("decision", "reason") == ["email: no consent; sms: chosen"]


def test_a_channel_without_a_destination_is_passed_over(shop: Shop) -> None:
    connections = {name: shop.project.connections[name] for name in CONNECTIONS if name != "mail"}
    shop = shop.with_(connections=connections)
    shop.newcomer(1, phone="+31612345678", consent=["email", "sms"])
    run(shop)
    assert shop.rows("decision", "reason", "connection") == [("email: no connection sends it; sms: chosen", "texts")]


def test_a_suppressed_address_is_passed_over(shop: Shop) -> None:
    shop.newcomer(1, phone="+31612345678", consent=["email", "sms"])
    shop.newcomer(2)
    mark = hashed(KEY, "email", "person1@example.nl")
    shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "mail:1", NOW)])
    run(shop)
    assert shop.rows("decision", "record_id", "reason") == [
        ("shop:1", "email: suppressed, complained; sms: chosen"),
        ("shop:2", "email: chosen"),
    ]


def test_who_is_not_in_the_target_does_not_enter(shop: Shop) -> None:
    shop.newcomer(1, birth_date=date(2010, 3, 2))
    shop.newcomer(2, birth_date=date(2010, 3, 3))
    run(shop)
    assert shop.rows("enrolment", "record_id") == ["shop:1"]


def test_a_trigger_counts_within_valid_for_and_when_it_arrives_late(shop: Shop) -> None:
    for number, ago in enumerate([timedelta(days=14), timedelta(days=14, seconds=-1), timedelta(0), -timedelta(1)]):
        record = shop.person(number, email=f"p{number}@example.nl", consent=["email"])
        shop.event(record, at=NOW - ago)
    run(shop)
    assert shop.rows("enrolment", "record_id") == ["shop:1", "shop:2"]


def test_a_trigger_can_be_rows_of_any_table(shop: Shop) -> None:
    trigger = {"any": [{"of": "lead", "where": "topic = 'brochure'"}]}
    scenario = WELCOME.model_validate({**WELCOME.model_dump(by_alias=True), "trigger": trigger})
    shop = shop.with_(scenarios={"welcome": scenario})
    for number, topic in [(1, "brochure"), (2, "call")]:
        record = shop.person(number, email="a@example.nl", consent=["email"])
        shop.insert("lead", connection="shop", source_key=str(number), record_id=record, topic=topic, at=NOW)
    run(shop)
    assert shop.rows("enrolment", "record_id") == ["shop:1"]


def test_an_event_can_have_a_condition_and_can_happen_on_the_web(shop: Shop) -> None:
    first, second, third = (shop.person(n, email="a@example.nl", consent=["email"]) for n in (1, 2, 3))
    for record, subject in [(first, "cats"), (second, "dogs")]:
        shop.insert(
            "activity",
            connection="shop",
            source_key=record,
            record_id=record,
            type="read",
            at=NOW,
            subject=subject,
            value=3,
        )
    shop.insert("web_event", connection="web", source_key="w", record_id=third, type="read", at=NOW, subject="cats")
    for where, enter in [("subject = 'cats' and value > 2", ["shop:1"]), ("subject = 'cats'", ["shop:1", "shop:3"])]:
        changes = {"trigger": {"any": [{"event": "read", "where": where}]}}
        scenario = WELCOME.model_validate({**WELCOME.model_dump(by_alias=True), **changes})
        run(shop.with_(scenarios={"welcome": scenario}))
        assert shop.rows("enrolment", "record_id") == enter


def test_an_order_before_the_message_is_queued_interrupts_r11(shop: Shop) -> None:
    shop.newcomer(1)
    shop.trait(1, last_order_at=NOW - timedelta(hours=1))
    shop.newcomer(2)
    shop.trait(2, last_order_at=NOW - timedelta(hours=3))
    assert run(shop) == {"entered": 2, "interrupted": 1, "queued": 1, "handed_over": 1}
    assert shop.rows("enrolment", "record_id", "status", "reason") == [
        ("shop:1", "stopped", "interrupted: last_order_at > entered_at"),
        ("shop:2", "done", "message queued"),
    ]
    assert shop.rows("decision", "record_id") == ["shop:2"]


def test_the_control_group_gets_nothing_and_its_draw_never_changes(shop: Shop) -> None:
    half = WELCOME.model_copy(update={"control_group": 0.5})
    shop = shop.with_(scenarios={"welcome": half})
    for number in range(1, 41):
        shop.newcomer(number)
    counts = run(shop)
    assert counts["control"] + counts["queued"] == 40
    assert 10 <= counts["control"] <= 30
    drawn = shop.rows("enrolment", "record_id", "status")
    assert run(shop, timedelta(days=1)) == {}
    assert shop.rows("enrolment", "record_id", "status") == drawn


@pytest.mark.parametrize(("share", "control"), [(0.0, 0), (1.0, 5)])
def test_nobody_or_everybody_can_be_the_control_group(shop: Shop, share: float, control: int) -> None:
    shop = shop.with_(scenarios={"welcome": WELCOME.model_copy(update={"control_group": share})})
    for number in range(1, 6):
        shop.newcomer(number)
    assert run(shop).get("control", 0) == control


def test_a_person_enters_once_also_after_a_merge(shop: Shop) -> None:
    shop.newcomer(1)
    run(shop)
    other = shop.newcomer(2)
    shop.merge(into=1, other=2)
    shop.event(other, "account_created", NOW + timedelta(hours=1))
    assert run(shop, timedelta(hours=2)) == {}
    assert shop.ledger.outbox.counts() == {"queued": 1}


def test_two_waiting_people_who_turn_out_to_be_one_get_one_message(shop: Shop) -> None:
    shop.newcomer(1, consent=())
    second = shop.newcomer(2, consent=())
    run(shop)
    shop.merge(into=1, other=2)
    shop.consent(second, "email")
    assert run(shop, timedelta(hours=1)) == {"merged": 1, "queued": 1, "handed_over": 1}


def test_what_could_not_be_sent_in_time_expires(shop: Shop) -> None:
    record = shop.newcomer(1, consent=())
    run(shop)
    shop.consent(record, "email", at=NOW + timedelta(days=13))
    assert run(shop, timedelta(days=14)) == {"expired": 1}
    assert shop.rows("enrolment", "status", "reason") == [("stopped", "too late: nothing could be sent in time")]


def test_two_scenarios_send_one_communication_a_day_the_higher_priority_first_r8(shop: Shop) -> None:
    shop = shop.with_(scenarios={"visit": visit(), "welcome": WELCOME})
    record = shop.newcomer(1)
    shop.event(record, "shop_visit")
    assert run(shop) == {"entered": 2, "queued": 1, "waiting": 1, "handed_over": 1}
    assert shop.rows("enrolment", "scenario", "status", "reason") == [
        ("visit", "done", "message queued"),
        ("welcome", "active", "another scenario goes first today"),
    ]
    assert run(shop, timedelta(hours=13, minutes=59)) == {}  # nothing has changed
    assert run(shop, timedelta(hours=14)) == {"queued": 1, "handed_over": 1}  # midnight in Amsterdam


def test_a_service_message_does_not_wait_and_makes_nobody_wait(shop: Shop) -> None:
    shop = shop.with_(scenarios={"visit": visit(purpose="service"), "welcome": WELCOME})
    shop.event(shop.newcomer(1), "shop_visit")
    assert run(shop)["queued"] == 2


def visit(purpose: str = "marketing") -> object:
    step = {"send": "extra", "by": ["email"], "content": {"given_name": "given_name"}}
    changes = {
        "scenario": "visit",
        "trigger": {"any": [{"event": "shop_visit"}]},
        "priority": 80,
        "purpose": purpose,
        "steps": [step],
    }
    return WELCOME.model_validate({**WELCOME.model_dump(by_alias=True), **changes})


def test_a_service_message_needs_no_consent_but_respects_a_refusal_and_an_address_that_does_not_exist(
    shop: Shop,
) -> None:
    shop = shop.with_(scenarios={"welcome": WELCOME.model_copy(update={"purpose": "service"})})
    shop.newcomer(1, consent=())
    shop.consent(shop.newcomer(2, consent=()), "email", given=False, purpose="service")
    shop.newcomer(3)
    shop.newcomer(4)
    for number, purpose in [(3, "all"), (4, "marketing")]:
        mark = hashed(KEY, "email", f"person{number}@example.nl")
        shop.ledger.suppressions.add([Suppression(mark, purpose, "bounced", "mail:1", NOW)])
    run(shop)
    assert shop.rows("decision", "record_id", "outcome") == [
        ("shop:1", "queued"),
        ("shop:2", "refused"),
        ("shop:3", "refused"),
        ("shop:4", "queued"),
    ]


def test_a_scenario_that_is_gone_ends_its_enrolments(shop: Shop) -> None:
    shop.newcomer(1, consent=())
    run(shop)
    assert run(shop.with_(scenarios={})) == {"retired": 1}
    assert shop.rows("enrolment", "status", "reason") == [("stopped", "the scenario is no longer there")]


def test_to_decide_some_scenarios_ends_no_other(shop: Shop) -> None:
    shop.newcomer(1, consent=())
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    decide(shop.warehouse, shop.ledger, shop.project, NOW, only={"another"})
    assert shop.rows("enrolment", "status") == ["active"]


def test_a_missing_template_is_told_before_anybody_enters(shop: Shop) -> None:
    shop.newcomer(1)
    (shop.project.templates / "welcome" / "email.txt").unlink()
    with pytest.raises(ConfigurationError, match=r"welcome/email.txt: the template 'welcome' needs this file"):
        run(shop)
    assert shop.rows("enrolment", "status") == []


def test_decisions_that_the_ledger_lacks_are_handed_over_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.newcomer(1)
    with monkeypatch.context() as patch:
        patch.setattr(type(shop.ledger.outbox), "add", _break)
        with pytest.raises(RuntimeError):
            run(shop)
    shop.newcomer(2)
    assert shop.ledger.outbox.counts() == {}
    assert run(shop, timedelta(hours=1))["handed_over"] == 2
    assert shop.ledger.outbox.counts() == {"queued": 2}


def _break(*_: object) -> None:
    raise RuntimeError("the machine stops here")


def test_the_ledger_holds_no_personal_data(shop: Shop) -> None:
    shop.newcomer(1, given_name="Kanarie", email="kanarie@example.nl")
    run(shop)
    with shop.ledger.engine.begin() as connection:
        text = str([connection.execute(sa.select(table)).all() for table in tables.metadata.tables.values()])
    assert digest("shop:1") in text
    assert "anarie" not in text
