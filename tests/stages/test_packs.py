"""The packs that come with the hub: what their traits, segments and scores say, on exact days and on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.check import check_project
from hub.errors import ConfigurationError
from hub.people.families import members
from hub.project import Project, load_project
from hub.project.packs import comes_with, pack_names, pack_path
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, add, fact, one, record, resolve, rows


def project_with(folder: Path, *packs: str, **files: str) -> Project:
    """Make a project that switches packs on; `traits` is the text of a file of its own."""
    (folder / "hub.yaml").write_text(f"name: Shop\npacks: [{', '.join(packs)}]\n", encoding="utf-8")
    for kind, text in files.items():
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / "own.yaml").write_text(text, encoding="utf-8")
    return load_project(folder)


def run(warehouse: Warehouse, its: Project, as_of: datetime = NOON) -> None:
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    for stage in (resolve, enrich, segment):
        stage(warehouse, its, as_of)


def trait(warehouse: Warehouse, record_id: str, *names: str) -> Any:
    (person_id,) = one(warehouse, "source_record", {"record_id": record_id}, "person_id")
    found = one(warehouse, "trait", {"person_id": person_id}, *names)
    return found if len(names) > 1 else found[0]


def inside(warehouse: Warehouse, record_id: str) -> set[str]:
    (person_id,) = one(warehouse, "source_record", {"record_id": record_id}, "person_id")
    return {name for member, name in rows(warehouse, "membership", "person_id", "segment") if member == person_id}


def days_ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


def order(warehouse: Warehouse, record_id: str, key: str, at: datetime, **given: Any) -> None:
    fact(warehouse, "sales_order", record_id, key, ordered_at=at, **{"status": "paid", "total": 10, **given})


def cancelled(warehouse: Warehouse, record_id: str, product: str, **line: Any) -> None:
    """Order something yesterday that never came."""
    at = days_ago(1)
    order(warehouse, record_id, f"undone {record_id}", at, status="cancelled")
    given = {"product_key": product, "order_key": f"undone {record_id}", "ordered_at": at, **line}
    fact(warehouse, "order_line", record_id, f"undone {record_id}", **given)


# loading -------------------------------------------------------------------------------------------------------------


def test_every_pack_works_with_every_other_one(warehouse: Warehouse, tmp_path: Path) -> None:
    its = project_with(tmp_path, *pack_names())
    assert check_project(its, NOON) == []
    record(warehouse, "crm:1")
    run(warehouse, its)
    assert inside(warehouse, "crm:1") == {"prospects", "out_of_reach"}


@pytest.mark.parametrize("name", pack_names())
def test_each_pack_works_alone_and_says_what_everything_in_it_is(tmp_path: Path, name: str) -> None:
    its = project_with(tmp_path, name)
    assert check_project(its, NOON) == []
    things = [*its.traits.values(), *its.segments.values(), *its.scores.values()]
    assert things
    assert all(thing.summary.endswith(".") for thing in things)
    given = [member.name for member in members(its.traits)] + list(its.scores)
    assert all(comes_with("trait", it) for it in given)
    assert all(comes_with("segment", it) for it in its.segments)


def test_no_two_packs_define_the_same_name(tmp_path: Path) -> None:
    found: dict[str, str] = {}
    for name in pack_names():
        its = project_with(tmp_path, name)
        for thing in (*its.traits, *its.scores, *(f"segment {it}" for it in its.segments)):
            assert thing not in found, f"{thing} is in the packs {found.get(thing)} and {name}"
            found[thing] = name


def test_what_a_project_defines_under_the_same_name_goes_before_a_pack(warehouse: Warehouse, tmp_path: Path) -> None:
    its = project_with(
        tmp_path,
        "value_tiers",
        traits="traits:\n  value_tier: {is: \"case when spent_365d > 5 then 'gold' end\"}\n",
        segments="segments:\n  premium: {where: spent_365d > 1000}\n",
    )
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(1))
    run(warehouse, its)
    assert inside(warehouse, "shop:1") == {"gold"}


def test_an_unknown_pack_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"hub.yaml:2:9: there is no pack 'valu_tiers'. Did you mean 'value_tiers'"
    ):
        project_with(tmp_path, "valu_tiers")


def test_who_uses_what_a_pack_gives_without_the_pack_is_told_which_one(tmp_path: Path) -> None:
    traits = "traits:\n  rich: {is: value_rank > 0.9}\n"
    segments = (
        "segments:\n  near: {where: valeu_tier = 'gold'}\n  gold_only: {where: value_tier = 'gold'}\n"
        "  warm: {where: lead_score_reason = 'carts' and stock_left_days < 3}\n  both: {any: [premium]}\n"
    )
    its = project_with(tmp_path, "rfm", traits=traits)
    comes = "It comes with the pack `value_tiers`: add it to `packs:` in hub.yaml."
    assert [str(it) for it in check_project(its, NOON)] == [f"traits/own.yaml:2:14: there is no 'value_rank'. {comes}"]
    its = project_with(tmp_path, "rfm", traits="traits:\n  rich: {is: age > 90}\n", segments=segments)
    told = [it.message for it in check_project(its, NOON)]
    assert told[1:] == [
        f"there is no 'value_tier'. {comes}",
        f"there is no 'lead_score_reason'. {comes.replace('value_tiers', 'lead')}",
        f"there is no segment 'premium'. {comes}",
    ]
    assert told[0].startswith("there is no 'valeu_tier'.")


def test_a_mistake_that_an_override_makes_in_a_pack_names_the_pack(tmp_path: Path) -> None:
    its = project_with(tmp_path, "value_tiers", traits="traits:\n  value_rank: {is: birth_date}\n")
    problems = check_project(its, NOON)
    assert problems
    assert {problem.file for problem in problems} == {"pack value_tiers"}
    assert all(problem.line > 1 for problem in problems)
    assert "date" in problems[0].message


# what they say -------------------------------------------------------------------------------------------------------


def test_r26_a_change_of_tier_fires_exactly_once(warehouse: Warehouse, tmp_path: Path) -> None:
    its = project_with(tmp_path, "value_tiers")
    for number in range(20):
        record(warehouse, f"shop:{number:02}")
        order(warehouse, f"shop:{number:02}", f"{number}", days_ago(10), total=10 + number)
    run(warehouse, its)
    tiers = {
        name: sum(1 for row in rows(warehouse, "membership", "person_id", "segment") if row[1] == name)
        for name in ("bronze", "silver", "gold", "premium")
    }
    assert tiers == {"bronze": 10, "silver": 6, "gold": 3, "premium": 1}
    assert inside(warehouse, "shop:00") == {"bronze"}
    order(warehouse, "shop:00", "big", days_ago(0), total=500)
    for day in (1, 2, 3):
        run(warehouse, its, NOON + timedelta(days=day))
    (person_id,) = one(warehouse, "source_record", {"record_id": "shop:00"}, "person_id")
    mine = [
        row[1:] for row in rows(warehouse, "transition", "person_id", "segment", "kind", "at") if row[0] == person_id
    ]
    tomorrow = NOON + timedelta(days=1)
    assert mine == [("bronze", "entered", NOON), ("bronze", "left", tomorrow), ("premium", "entered", tomorrow)]


def test_orders_of_more_than_a_year_ago_make_no_tier(warehouse: Warehouse, tmp_path: Path) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(365))
    record(warehouse, "shop:2")
    order(warehouse, "shop:2", "2", days_ago(366))
    run(warehouse, project_with(tmp_path, "value_tiers"))
    assert [trait(warehouse, it, "value_tier") for it in ("shop:1", "shop:2")] == ["bronze", None]


@pytest.mark.parametrize(
    ("pack", "packs", "day", "out"),
    [
        ("M", 1, 13, False),
        ("M", 1, 14, True),
        ("M", 1, 15, True),
        ("XL", 1, 20, False),
        ("xl", 1, 21, True),
        ("XL", 1, 22, True),
        ("M", 2, 27, False),
        ("M", 2, 28, True),
        (None, None, 14, True),
    ],
)
def test_r18_the_stock_runs_out_after_14_days_and_an_xl_pack_after_21(
    warehouse: Warehouse, tmp_path: Path, pack: str | None, packs: int | None, day: int, out: bool
) -> None:
    add(warehouse, "product", {"connection": "shop", "source_key": "K", "category": "kibble", "pack_size": pack})
    record(warehouse, "shop:1")
    # half an hour after midnight in Amsterdam, and before midnight in Greenwich
    at = datetime(2026, 11, 22, 0, 30, tzinfo=ZoneInfo("Europe/Amsterdam")) - timedelta(days=day)
    fact(warehouse, "order_line", "shop:1", "1", product_key="K", ordered_at=at, quantity=packs)
    run(warehouse, project_with(tmp_path, "stock"))
    assert inside(warehouse, "shop:1") == ({"stock_runs_out"} if out else set())


def test_r18_buying_again_starts_the_count_anew_and_other_goods_are_an_override(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    for key in ("kibble", "sand"):
        add(warehouse, "product", {"connection": "shop", "source_key": key, "category": key})
    record(warehouse, "shop:1")
    for key, ago in (("kibble", 20), ("kibble", 3), ("sand", 14)):
        fact(warehouse, "order_line", "shop:1", f"{key}{ago}", product_key=key, ordered_at=days_ago(ago), quantity=1)
    cancelled(warehouse, "shop:1", "kibble", quantity=5)
    run(warehouse, project_with(tmp_path, "stock"))
    assert trait(warehouse, "shop:1", "stock_left_days") == 11
    own = "traits:\n  stock_bought_at: {of: order_line, maximum: ordered_at, where: product.category = 'sand'}\n"
    run(warehouse, project_with(tmp_path, "stock", traits=own))
    assert trait(warehouse, "shop:1", "stock_left_days") == 0


def test_r20_a_repurchase_is_overdue_on_day_91_and_not_on_day_90(warehouse: Warehouse, tmp_path: Path) -> None:
    for day in (90, 91):
        record(warehouse, f"shop:{day}")
        for number in range(3):
            order(warehouse, f"shop:{day}", f"{day}-{number}", days_ago(day + 90 * number))
    run(warehouse, project_with(tmp_path, "repurchase"))
    assert [inside(warehouse, f"shop:{day}") & {"repurchase_overdue"} for day in (90, 91)] == [
        set(),
        {"repurchase_overdue"},
    ]
    assert [trait(warehouse, f"shop:{day}", "repurchase_in_days") for day in (90, 91)] == [0, -1]


def test_r25_a_shift_is_measured_against_the_own_earlier_frequency(warehouse: Warehouse, tmp_path: Path) -> None:
    histories: dict[str, Sequence[int]] = {
        "shop:less": (91, 130, 200, 260, 450),
        "shop:more": (1, 30, 60, 91, 200),
        "shop:same": (30, 120, 210, 300, 390),
        "shop:new": (1, 2, 3),
    }
    for record_id, history in histories.items():
        record(warehouse, record_id)
        for ago in history:
            order(warehouse, record_id, f"{record_id}{ago}", days_ago(ago))
    run(warehouse, project_with(tmp_path, "repurchase"))
    shifts = {"buying_less", "buying_more"}
    assert [inside(warehouse, it) & shifts for it in histories] == [{"buying_less"}, {"buying_more"}, set(), set()]
    assert trait(warehouse, "shop:less", "orders_recent", "orders_before") == (0, 5)


def test_r31_everybody_is_in_exactly_one_stage_of_the_life_cycle(warehouse: Warehouse, tmp_path: Path) -> None:
    stages = {"prospects": (), "new_customers": (90,), "active_customers": (91,), "loyal_customers": (30, 20, 20)}
    for name, history in {**stages, "inactive_customers": (366,)}.items():
        record(warehouse, f"shop:{name}")
        for number, ago in enumerate(history):
            order(warehouse, f"shop:{name}", f"{name}{number}", days_ago(ago))
    run(warehouse, project_with(tmp_path, "life_cycle"))
    assert all(inside(warehouse, f"shop:{name}") == {name} for name in (*stages, "inactive_customers"))


def test_r20_promotions_are_seen_in_coupons_and_in_discounts(warehouse: Warehouse, tmp_path: Path) -> None:
    for record_id, coupons in {"shop:1": ("A", "B", None), "shop:2": ("", None), "shop:3": ()}.items():
        record(warehouse, record_id)
        for number, coupon in enumerate(coupons):
            order(warehouse, record_id, f"{record_id}{number}", days_ago(3), coupon=coupon)
    fact(warehouse, "order_line", "shop:2", "1", ordered_at=days_ago(3), amount=30, discount=5)
    fact(warehouse, "order_line", "shop:2", "2", ordered_at=days_ago(3), amount=70, discount=0)
    cancelled(warehouse, "shop:2", "P", amount=900, discount=90)
    run(warehouse, project_with(tmp_path, "promotions"))
    assert trait(warehouse, "shop:1", "coupon_share", "promotion_sensitivity") == (Decimal("0.6667"), "high")
    assert trait(warehouse, "shop:2", "coupon_share", "discount_share", "promotion_sensitivity") == (
        0,
        Decimal("0.3"),
        "middle",
    )
    assert trait(warehouse, "shop:3", "promotion_share", "promotion_sensitivity") == (None, None)


def test_r32_mail_activity_by_what_was_done_last(warehouse: Warehouse, tmp_path: Path) -> None:
    events = {
        "m:1": [("delivered", 90), ("opened", 90), ("clicked", 90)],
        "m:2": [("delivered", 5), ("opened", 5), ("clicked", 91)],
        "m:3": [("delivered", 5), ("machine", 5)],
        "m:4": [("delivered", 91), ("opened", 91)],
        "m:5": [],
    }
    for record_id, happened in events.items():
        record(warehouse, record_id)
        for type_, ago in happened:
            # a program of the mailbox opens what nobody reads
            what = {"type": "opened", "machine": True} if type_ == "machine" else {"type": type_}
            fact(warehouse, "message_event", record_id, f"{record_id}{type_}", at=days_ago(ago), **what)
    run(warehouse, project_with(tmp_path, "email_activity"))
    assert [trait(warehouse, it, "email_activity") for it in events] == [
        "clicks",
        "opens",
        "silent",
        "not mailed lately",
        "never mailed",
    ]
    assert inside(warehouse, "m:3") == {"email_silent"}


def test_r28_looking_without_buying_and_r29_frequent_visitors(warehouse: Warehouse, tmp_path: Path) -> None:
    for record_id, days in {"w:1": (1, 2, 3, 30), "w:2": (1, 1, 1), "w:3": (31, 32, 33, 34)}.items():
        record(warehouse, record_id)
        for number, ago in enumerate(days):
            given = {"type": "view", "product_key": "T", "at": days_ago(ago) + timedelta(minutes=number)}
            fact(warehouse, "web_event", record_id, f"{record_id}{number}", **given)
    order(warehouse, "w:2", "1", days_ago(0.1))
    cancelled(warehouse, "w:1", "T")
    run(warehouse, project_with(tmp_path, "web_activity"))
    assert inside(warehouse, "w:1") == {"web_active", "frequent_visitors", "looked_and_did_not_buy"}
    assert inside(warehouse, "w:2") == {"web_active"}
    assert inside(warehouse, "w:3") == set()
    assert trait(warehouse, "w:2", "visit_days_30d", "views_30d") == (1, 3)


def test_r12_reach_needs_an_address_and_consent_and_the_chosen_channel_goes_first(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    record(warehouse, "crm:1", email="a@example.nl")
    record(warehouse, "crm:2", email="b@example.nl", phone="+31612345678")
    for record_id, channel in (("crm:1", "email"), ("crm:2", "sms")):
        fact(
            warehouse, "consent", record_id, record_id, channel=channel, purpose="marketing", given=True, at=days_ago(9)
        )
    fact(warehouse, "preference", "crm:1", "1", message_type="offer", channel="sms", at=days_ago(3))
    add(warehouse, "message", {"connection": "crm", "source_key": "M", "record_id": "crm:1", "channel": "email"})
    for record_id in ("crm:1", "crm:2"):
        fact(warehouse, "message_event", record_id, f"e{record_id}", type="opened", at=days_ago(2), message_key="M")
    run(warehouse, project_with(tmp_path, "channels"))
    assert inside(warehouse, "crm:1") == {"reachable_by_email"}
    assert inside(warehouse, "crm:2") == {"reachable_by_sms"}
    assert trait(warehouse, "crm:1", "channel_of_choice", "answering_channel") == ("sms", "email")
    assert trait(warehouse, "crm:2", "channel_of_choice") == "email"


def test_r21_interest_adds_up_to_a_warm_lead_and_to_engagement(warehouse: Warehouse, tmp_path: Path) -> None:
    record(warehouse, "web:1")
    fact(warehouse, "lead", "web:1", "1", at=NOON, topic="brochure")
    fact(warehouse, "registration", "web:1", "1", registered_at=NOON, attended=True)
    record(warehouse, "web:2")
    fact(warehouse, "web_event", "web:2", "1", at=NOON, type="view", product_key="P")
    run(warehouse, project_with(tmp_path, "lead", "engagement"))
    assert trait(warehouse, "web:1", "lead_score", "lead_score_reason", "engagement") == (50, "requests", 30)
    assert (inside(warehouse, "web:1"), inside(warehouse, "web:2")) == ({"warm_leads"}, {"drifting"})


def test_r20_r32_appetite_is_what_was_looked_at_lately_or_else_bought_most(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    add(
        warehouse,
        "product",
        *({"connection": "z", "source_key": it, "category": it, "collection": f"{it}s"} for it in ("denim", "skirt")),
    )
    for record_id in ("z:1", "z:2"):
        record(warehouse, record_id)
        fact(warehouse, "order_line", record_id, record_id, product_key="denim", ordered_at=days_ago(90), quantity=2)
        cancelled(warehouse, record_id, "skirt", quantity=9)
    fact(warehouse, "web_event", "z:2", "1", product_key="skirt", at=days_ago(3), type="view")
    run(warehouse, project_with(tmp_path, "appetite"))
    assert trait(warehouse, "z:1", "appetite", "favourite_collection") == ("denim", "denims")
    assert trait(warehouse, "z:2", "appetite") == "skirt"
    assert inside(warehouse, "z:2") == {"looking_elsewhere"}


# satisfaction --------------------------------------------------------------------------------------------------------


def answered(warehouse: Warehouse, kind: str, scores: Sequence[float | str | None], survey: str = "s") -> None:
    record(warehouse, f"{kind}:{survey}")
    for number, score in enumerate(scores):
        given = {"answer": score} if isinstance(score, str) else {"score": score}
        fact(
            warehouse,
            "survey_response",
            f"{kind}:{survey}",
            f"{survey}{number}",
            kind=kind,
            survey=survey,
            at=NOON,
            **given,
        )


@pytest.mark.parametrize(
    ("kind", "scores", "value", "rejected"),
    [
        ("nps", [10, 9, 9, 8, 7, 6, 0, 5, 10, 3], Decimal("0.0"), 0),
        ("nps", list(range(11)), Decimal("-45.5"), 0),
        ("nps", [11, -1, None], None, 3),
        ("csat", [5, 4, 4, 3, 1], Decimal("60.0"), 0),
        ("csat", ["ja", "Nee ", "yes", "perhaps"], Decimal("66.7"), 1),
        ("ces", [1, 5, 3], Decimal("3.0"), 0),
        ("ces", [0, 6, 2], Decimal("2.0"), 2),
    ],
)
def test_r37_what_surveys_say_of_all_people(
    warehouse: Warehouse,
    tmp_path: Path,
    kind: str,
    scores: Sequence[float | str | None],
    value: Decimal | None,
    rejected: int,
) -> None:
    answered(warehouse, kind, scores)
    run(warehouse, project_with(tmp_path))
    names = ("survey", "kind", "value", "answers", "rejected")
    counted = len(scores) - rejected
    assert rows(warehouse, "satisfaction", *names) == [
        ("s", kind, value, counted, rejected),
        (None, kind, value, counted, rejected),
    ]


def test_r37_no_answers_give_no_number(warehouse: Warehouse, tmp_path: Path) -> None:
    run(warehouse, project_with(tmp_path))
    assert rows(warehouse, "satisfaction", "kind") == []


def test_r37_exactly_80_is_not_yet_very_good(warehouse: Warehouse, tmp_path: Path) -> None:
    answered(warehouse, "csat", [4, 4, 4, 4, 3], "eighty")
    answered(warehouse, "csat", [5, 5, 5, 5, 5, 3], "more")
    answered(warehouse, "csat", [0], "none")
    run(warehouse, project_with(tmp_path))
    found = dict(rows(warehouse, "satisfaction", "survey", "very_good"))
    assert (found["eighty"], found["more"], found["none"]) == (False, True, None)


def test_r37_the_last_answer_of_each_person(warehouse: Warehouse, tmp_path: Path) -> None:
    groups = {0: "detractor", 6: "detractor", 7: "passive", 8: "passive", 9: "promoter", 10: "promoter", 11: None}
    for score in groups:
        record(warehouse, f"n:{score}")
        for key, ago, given in (("old", 9, 5), ("new", 2, score)):
            fact(warehouse, "survey_response", f"n:{score}", f"{score}{key}", kind="nps", score=given, at=days_ago(ago))
    record(warehouse, "c:1")
    fact(warehouse, "survey_response", "c:1", "c1", kind="ces", score=4, at=days_ago(2))
    fact(warehouse, "survey_response", "c:1", "c2", kind="ces", score=6, at=days_ago(1))
    words = {"s:1": "Nee ", "s:2": "ja", "s:3": "best wel"}
    for record_id, word in words.items():
        record(warehouse, record_id)
        fact(warehouse, "survey_response", record_id, record_id, kind="csat", answer=word, at=days_ago(1))
    run(warehouse, project_with(tmp_path, "satisfaction"))
    told = {score: trait(warehouse, f"n:{score}", "nps_group") for score in groups}
    assert told == {**groups, 11: "detractor"}, "an answer off the scale leaves the one before it"
    assert (trait(warehouse, "c:1", "ces_score"), inside(warehouse, "c:1")) == (4, {"dissatisfied"})
    assert [trait(warehouse, it, "csat_score") for it in words] == [1, 5, None]
    assert [inside(warehouse, it) for it in words] == [{"dissatisfied"}, set(), set()]


def test_the_files_of_packs_are_named_after_them() -> None:
    for name in pack_names():
        assert pack_path(name).read_text(encoding="utf-8").startswith(f"pack: {name}\n")


def test_age_on_29_february_does_not_disturb_a_pack(warehouse: Warehouse, tmp_path: Path) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", datetime(2027, 3, 1, 12, tzinfo=UTC))
    its = project_with(tmp_path, "value_tiers")
    run(warehouse, its, datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert inside(warehouse, "shop:1") == {"bronze"}
    run(warehouse, its, datetime(2028, 3, 1, 12, tzinfo=UTC))
    assert inside(warehouse, "shop:1") == set()
