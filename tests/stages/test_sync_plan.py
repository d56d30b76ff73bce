"""Plans of syncs: what would change, and applying it while it still holds: on DuckDB and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.contracts import Place
from hub.errors import ConfigurationError, RejectedError
from hub.project import Connection
from hub.project.segments import Segment
from hub.recipients import Marks
from hub.stages.activate.plan import Plan, apply_plan, make_plan, named, read_plan, run_again, write_plan
from hub.stages.activate.sync import Stores
from hub.warehouse import Warehouse
from tests.stages.engagement import KEY, NOW, Recorder, RecorderConfig, Shop, gold, shop_in
from tests.stages.test_activate_syncs import calls, leave, member, run


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=[gold()]) as opened:
        for number in (1, 2, 3):
            member(opened, number)
        run(opened)
        calls(opened)
        yield opened
    Recorder.answers.clear()


def stores(shop: Shop) -> Stores:
    return Stores(shop.warehouse, shop.ledger, shop.project, NOW, Marks(KEY))


def plan(shop: Shop, **more: object) -> Plan:
    its = stores(shop)
    return make_plan(its, list(shop.project.syncs.values()), **more)  # type: ignore[arg-type]


def readable(shop: Shop, **sync: object) -> Shop:
    config = RecorderConfig(syncs=True, stands={})
    connection = Connection("ads", Recorder, config, Place("ads", shop.project.folder))
    return shop.with_(connections={**shop.project.connections, "ads": connection}, syncs={"gold": gold(**sync)})


def test_a_plan_counts_what_would_change_and_changes_nothing(shop: Shop) -> None:
    leave(shop, 1)
    shop.update("person", {"person_id": 2}, given_name="Renamed")
    member(shop, 4)
    member(shop, 5, consent=())
    (planned,) = plan(shop).syncs
    assert planned.changes == {"new": 1, "changed": 1, "left": 1}
    assert (planned.source, planned.refused, planned.unchanged, planned.guard) == (4, 1, 1, "")
    assert [(it.kind, it.key, it.fields) for it in planned.samples] == [
        ("new", "4", {"email": (None, "p4@example.nl"), "first_name": (None, "P4")}),
        ("changed", "2", {"email": (None, "p2@example.nl"), "first_name": (None, "Renamed")}),
        ("left", "1", {}),
    ]
    assert calls(shop) == []
    assert shop.rows("sync_run", "number") == [1]


def test_what_stands_there_is_shown_where_the_destination_can_be_read(shop: Shop) -> None:
    shop = readable(shop)
    run_again(stores(shop), shop.project.syncs["gold"])
    shop.update("person", {"person_id": 2}, given_name="Renamed")
    (sample,) = plan(shop).syncs[0].samples
    assert (sample.key, sample.fields) == ("2", {"first_name": ("P2", "Renamed")})


def test_a_plan_is_applied_and_then_holds_no_longer(shop: Shop) -> None:
    leave(shop, 1)
    member(shop, 4)
    made = plan(shop)
    (applied,) = apply_plan(stores(shop), made)
    assert (applied.counts, applied.failures, applied.refused) == ({"synced": 1, "removed": 1}, (), "")
    assert calls(shop) == [("remove", "1"), ("upsert", "4")]
    assert shop.rows("sync_run", "number", "how") == [(1, "run"), (2, "plan")]
    (again,) = apply_plan(stores(shop), made)
    assert again.refused.startswith("the rows that would change have changed since the plan was made: nothing was sent")


@pytest.mark.parametrize("what", ["a field", "a member", "consent", "the destination"])
def test_a_plan_is_refused_when_the_data_changed(shop: Shop, what: str) -> None:
    member(shop, 4)
    made = plan(shop)
    match what:
        case "a field":
            shop.update("person", {"person_id": 2}, given_name="Renamed")
        case "a member":
            member(shop, 5)
        case "consent":
            shop.consent("shop:1", "ads", given=False, at=NOW)
        case "the destination":
            shop.update("audience_state", {"row_key": "3"}, row_hash="other")
    (applied,) = apply_plan(stores(shop), made)
    assert "changed since the plan was made: nothing was sent" in applied.refused
    assert calls(shop) == []


def test_a_change_that_makes_no_difference_leaves_a_plan_as_it_is(shop: Shop) -> None:
    member(shop, 4)
    made = plan(shop)
    shop.update("person", {"person_id": 2}, city="Elsewhere")
    assert apply_plan(stores(shop), made)[0].counts == {"synced": 1}


def test_a_plan_is_refused_when_the_configuration_changed_or_the_sync_is_gone(shop: Shop) -> None:
    member(shop, 4)
    made = plan(shop)
    for syncs in ({"gold": gold(guards={"removes": "60%"})}, {}):
        (applied,) = apply_plan(stores(shop.with_(syncs=syncs)), made)
        assert applied.refused.startswith("the configuration has changed since the plan was made: nothing was sent")
    assert calls(shop) == []


def test_the_file_of_a_plan_holds_no_personal_data_and_only_its_owner_reads_it(shop: Shop, tmp_path: Path) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email")})
    file = tmp_path / "gold.plan"
    made = plan(shop)
    write_plan(made, file)
    text = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "example.nl" not in text
    assert "P1" not in text
    assert read_plan(file).syncs == made.syncs
    with pytest.raises(ConfigurationError, match="can't be written: File exists"):
        write_plan(made, file)


def test_a_file_that_was_changed_or_is_no_plan_is_refused(shop: Shop, tmp_path: Path) -> None:
    member(shop, 4)
    file = tmp_path / "gold.plan"
    write_plan(plan(shop), file)
    whole = file.read_text()
    body = json.loads(whole)
    file.write_text(json.dumps({**body, "syncs": [{**body["syncs"][0], "guard": ""}], "as_of": "2026-01-01T00:00:00"}))
    with pytest.raises(RejectedError, match="was changed since it was made: nothing was sent"):
        read_plan(file)
    half_written = [whole[:length] for length in range(0, len(whole) - 1, 20)]
    for text in ("[]", "{}", '{"digest": "x"}', *half_written):
        file.write_text(text)
        with pytest.raises((ConfigurationError, RejectedError)):
            read_plan(file)
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read_plan(tmp_path / "none")


def test_a_guard_holds_a_plan_until_somebody_overrides_it_with_a_reason_that_is_kept(shop: Shop) -> None:
    leave(shop, 1, 2)
    made = plan(shop)
    assert made.syncs[0].guard == "removes"
    for reason in ("", "  "):
        (applied,) = apply_plan(stores(shop), made, reason, by="mia")
        assert applied.refused.endswith("look at it, then say `--override REASON`")
    assert calls(shop) == []
    assert shop.ledger.hand_work.history() == []
    assert apply_plan(stores(shop), made, "the club was closed", by="mia")[0].counts == {"removed": 2}
    (kept,) = shop.ledger.hand_work.history()
    assert (kept.act, kept.connection, kept.what, kept.by, kept.why) == (
        "override",
        "ads",
        "sync gold: removes",
        "mia",
        "the club was closed",
    )


def test_a_plan_can_be_tried_with_one_person_or_the_first_rows(shop: Shop) -> None:
    for number in (4, 5, 6):
        member(shop, number)
    leave(shop, 1)
    (one,) = apply_plan(stores(shop), plan(shop), person_id=5)
    assert (calls(shop), one.counts) == ([("upsert", "5")], {"synced": 1})
    (two,) = apply_plan(stores(shop), plan(shop), limit=2)
    assert calls(shop) == [("remove", "1"), ("upsert", "4")]
    assert two.failures == ()
    assert shop.rows("sync_run", "number", "kept_back", "held") == [(1, 0, None), (2, 3, None), (3, 1, None)]
    run(shop)
    assert calls(shop) == [("upsert", "6")]


def test_a_trial_asks_the_destination_about_every_row_and_writes_nothing(shop: Shop) -> None:
    assert plan(shop, try_out=True).syncs[0].tried == {}
    member(shop, 4)
    assert plan(shop, try_out=True).syncs[0].tried == {"ads can't try rows": 1}
    shop = readable(shop)
    member(shop, 5, email="nobody")
    leave(shop, 1)
    assert plan(shop, try_out=True).syncs[0].tried == {"accepted": 2, "rejected: no address": 1}
    assert calls(shop) == []


def test_a_resync_sends_everything_again_and_removes_what_is_not_wanted(shop: Shop) -> None:
    shop = readable(shop)
    run_again(stores(shop), shop.project.syncs["gold"])
    leave(shop, 1)
    run(shop)
    calls(shop)
    stands = {"1": {"email": "p1@example.nl"}, "somebody": {"email": "not@ours.nl"}}
    config = RecorderConfig(syncs=True, stands=stands)
    ads = replace(shop.project.connections["ads"], config=config)
    shop = shop.with_(connections={**shop.project.connections, "ads": ads})
    done = run_again(stores(shop), shop.project.syncs["gold"])
    assert done.counts == {"synced": 2, "removed": 1}
    assert calls(shop) == [("remove", "1"), ("upsert", "2"), ("upsert", "3")]
    assert len(shop.rows("audience_state", "row_key")) == 2


def test_a_resync_keeps_to_the_guards_and_an_override_is_kept(shop: Shop) -> None:
    leave(shop, 1, 2)
    sync = shop.project.syncs["gold"]
    assert "this run would remove 2 of 3 rows" in run_again(stores(shop), sync).failures[0]
    assert calls(shop) == []
    assert run_again(stores(shop), sync, "spring cleaning", "mia").counts == {"synced": 1, "removed": 2}
    (kept,) = shop.ledger.hand_work.history()
    assert (kept.what, kept.why) == ("sync gold: resync", "spring cleaning")


def test_syncs_are_found_by_their_names(shop: Shop) -> None:
    assert named(shop.project, []) == [shop.project.syncs["gold"]]
    with pytest.raises(ConfigurationError, match=r"there is no sync 'golf'\. Did you mean 'gold'"):
        named(shop.project, ["golf"])
