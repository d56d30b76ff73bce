"""Loading a project: what it gives, and every mistake that it tells, in the exact words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.errors import ConfigurationError
from hub.project import load_project

MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text(encoding="utf-8"))


def test_a_project_without_mistakes_is_loaded(shop: Any) -> None:
    project = shop.load()
    assert set(project.connections) == {"till", "mail", "board"}
    assert [(mapped.target, mapped.position) for mapped in project.mappings] == [("person", 0), ("sales_order", 1)]
    assert project.connections["till"].config.key.get_secret_value() == "canary-7f3a9"
    assert project.connections["till"].place.key == b"8f2e61d0c97b4a35e1f6"
    assert project.channel("email").name == "mail"
    assert list(project.traits) == ["orders"]
    assert project.segments["regulars"].where == "orders > 3"
    place = project.origin(project.mappings[1]).at_value("columns", "total", message="here", offset=6)
    assert str(place) == "mappings/till.yaml:12:18: here"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake['file']}: {mistake['to']}")
def test_a_mistake_is_told_in_these_words(shop: Any, mistake: dict[str, Any]) -> None:
    shop.change(mistake["file"], mistake["change"], mistake["to"])
    assert shop.problems() == mistake["told"]


def test_all_mistakes_of_all_files_are_told_at_once_in_order(shop: Any) -> None:
    shop.change("mappings/till.yaml", "total:", "totall:")
    shop.change("mappings/till.yaml", "connection: till", "connection: tills")
    shop.change("syncs/board.yaml", "segment: regulars", "segment: regular")
    shop.change("hub.yaml", "loft: roof", "lofd: roof")
    shop.write("segments/more.yaml", "segments:\n  regulars: {where: true}\n  x\n")
    assert shop.problems() == [
        "hub.yaml:4:3: the key 'loft' is missing",
        "hub.yaml:4:26: unknown key 'lofd'. Did you mean 'loft'?",
        "mappings/till.yaml:1:13: hub.yaml has no connection 'tills'. Did you mean 'till'?",
        "mappings/till.yaml:12:5: sales_order has no column 'totall'. Did you mean 'total'?",
        "segments/more.yaml:4:1: a ':' with a space after it is missing, here or on the line before",
        "syncs/board.yaml:2:17: there is no segment 'regular'. Did you mean 'regulars'?",
    ]


def test_mistakes_of_form_names_and_expressions_are_told_in_one_round(shop: Any) -> None:
    """What follows from a mistake is not told beside it: it is mended with it."""
    shop.change("mappings/till.yaml", "key: number", "keys: number\n  key: number")
    shop.change("mappings/till.yaml", "total:", "totall:")
    shop.change("mappings/till.yaml", "email(", "emial(")
    shop.change("traits/till.yaml", "count: true", "count: yes")
    shop.write("traits/more.yaml", "traits:\n  spent: {of: sales_order, sum: totl, within: [7 days, 30 days]}\n")
    shop.write("segments/more.yaml", "segments:\n  big: {where: spent_7d > 1 and orders > 1 and ordrs > 1}\n")
    shop.change("scenarios/thanks.yaml", "valid_for: 3 days", "valid_for: 3")
    assert shop.problems() == [
        "mappings/till.yaml:5:24: there is no function emial(). Did you mean 'email'?",
        "mappings/till.yaml:9:3: unknown key 'keys'. Did you mean 'key'?",
        "mappings/till.yaml:13:5: sales_order has no column 'totall'. Did you mean 'total'?",
        "scenarios/thanks.yaml:8:12: write a length of time as a number and a unit: 14 days, 36 hours, 2 weeks",
        "segments/more.yaml:2:48: there is no 'ordrs'. Did you mean 'orders'?",
        "traits/more.yaml:2:33: there is no 'totl'. Did you mean 'total'?",
        "traits/till.yaml:2:36: count must be true",
    ]


def test_rows_that_two_mappings_fill_by_one_key_are_told_with_both_places(shop: Any) -> None:
    shop.write("mappings/copy.yaml", (shop.folder / "mappings/till.yaml").read_text())
    assert shop.problems() == [
        "mappings/till.yaml:2:1: 'customers' fills person by this key in mappings/copy.yaml:2 already: remove one",
        "mappings/till.yaml:7:1: 'receipts' fills sales_order by this key in mappings/copy.yaml:7 already: remove one",
    ]


def test_the_same_name_in_two_files_is_told_with_both_places(shop: Any) -> None:
    shop.write("segments/more.yaml", "segments:\n  regulars: {where: orders > 5}\n")
    shop.write("scenarios/again.yaml", (shop.folder / "scenarios/thanks.yaml").read_text())
    assert shop.problems() == [
        "scenarios/thanks.yaml:1:1: there is a scenario 'thanks' already, in scenarios/again.yaml:1: rename one",
        "segments/till.yaml:2:3: there is a segment 'regulars' already, in segments/more.yaml:2: rename one",
    ]


def test_a_secret_in_clear_is_refused_and_never_repeated(shop: Any) -> None:
    shop.change("hub.yaml", '"${TILL_KEY}"', "canary-in-clear, mode: [canary-in-clear]")
    assert shop.problems() == [
        'hub.yaml:3:58: key is a secret, and secrets are not written in YAML: write "${TILL_KEY}" and set TILL_KEY in '
        "the environment, in .env, or in the secrets folder",
        "hub.yaml:3:81: mode must be text",
    ]


@pytest.mark.parametrize(
    "key", ["short", "changemechangeme12", "my-secret-signing-key", "aaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrst"]
)
def test_a_signing_key_that_can_be_guessed_is_refused(shop: Any, key: str) -> None:
    shop.change(".env", "8f2e61d0c97b4a35e1f6", key)
    (told,) = shop.problems()
    assert "HUB_KEY, which signs unsubscribe links, can be guessed" in told
    assert key not in told


@pytest.mark.parametrize(
    "key", ["0f8b1c55aa2e7d9340c6f1e2b7d85a13", "kX9-vQ2_hT7zLp4RwEy1", "correct horse battery staple"]
)
def test_a_random_signing_key_is_accepted(shop: Any, key: str) -> None:
    shop.change(".env", "8f2e61d0c97b4a35e1f6", f"'{key}'")
    assert shop.load().key == key.encode()


def test_a_password_in_the_address_of_the_engine_is_refused(shop: Any) -> None:
    shop.change("hub.yaml", "name: Corner shop", "name: Corner shop\nengine: postgresql://hub:canary-pw@db/hub")
    assert shop.problems() == [
        "hub.yaml:2:9: a password is not written in YAML: write ${...} for the whole address or the password"
    ]


def test_no_message_repeats_a_secret_that_was_looked_up(shop: Any) -> None:
    shop.change("hub.yaml", '"https://till.example"', '"${TILL_KEY}"')
    told = shop.problems()
    assert told == ["hub.yaml:3:29: *** does not start with https://"]
    assert "canary" not in repr(shop.registry) + "".join(told)


def test_secrets_come_from_a_folder_too(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "TILL_KEY").write_text("from-the-folder\n")
    shop.change(".env", "TILL_KEY=canary-7f3a9", "")
    monkeypatch.setenv("HUB_SECRETS", str(secrets))
    assert shop.load().connections["till"].config.key.get_secret_value() == "from-the-folder"


def test_the_project_never_shows_a_secret(shop: Any) -> None:
    project = shop.load()
    assert "canary" not in repr(project)
    assert "8f2e61d0" not in repr(project)


def test_a_setting_of_the_environment_that_is_wrong_is_told(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_FORMAT", "xml")
    assert shop.problems() == ["environment: HUB_LOG_FORMAT is wrong: Input should be 'console' or 'json'"]


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"hub\.yaml: no such file: a project is a folder with a hub\.yaml"):
        load_project(tmp_path)


def test_empty_and_misnamed_files_are_told(shop: Any) -> None:
    shop.write("traits/empty.yaml", "")
    shop.write("traits/list.yaml", "- a\n")
    shop.write("segments/more.yml", "segments: {}\n")
    assert shop.problems() == [
        "segments/more.yml: is not read: rename it to more.yaml",
        "traits/empty.yaml: is empty: fill it or remove it",
        "traits/list.yaml:1:1: traits/list.yaml must be keys and values (key: value)",
    ]
    shop.write("hub.yaml", "")
    assert "hub.yaml: is empty: a project has a name at least: `name: ...`" in shop.problems()


def test_what_a_broken_file_would_give_is_not_missed_elsewhere(shop: Any) -> None:
    shop.write("schema.yaml", "columns: {product: {size: txt}}\n")
    shop.change("mappings/till.yaml", "total:", "size_of_till:")
    shop.change("segments/till.yaml", "where:", "were:")
    shop.change("hub.yaml", "name: Corner shop", "name: [Corner shop]")
    shop.change("mappings/till.yaml", "connection: till", "connection: tills")
    assert [problem.split(": ")[0] for problem in shop.problems()] == [
        "hub.yaml:1:7",
        "schema.yaml:1:27",
        "segments/till.yaml:2:14",
    ]


def test_a_folder_with_a_slip_in_its_name_is_told(shop: Any) -> None:
    shop.write("segment/more.yaml", "segments: {}\n")
    shop.write("exports/more.yaml", "a: 1\n")
    assert shop.problems() == ["segment/: is not read. Did you mean 'segments'?"]


def test_a_plugin_that_fails_to_say_what_it_can_do_is_told_without_its_message(shop: Any) -> None:
    shop.change("hub.yaml", "loft: wall", "loft: broken")
    assert shop.problems() == ["hub.yaml:5:3: the plugin 'board' fails with RuntimeError: report it to its author"]


def test_columns_and_tables_of_ones_own_join_the_schema(shop: Any) -> None:
    shop.write(
        "schema.yaml",
        """
        columns:
          person: {shoe_size: integer}
          sales_order: {till_number: {type: text, summary: The till.}}
        tables:
          visit: {personal: true, time: at, columns: {at: timestamp, order_key: {type: text, references: sales_order}}}
        """,
    )
    shop.change("mappings/till.yaml", "given_name: first_name", "given_name: first_name, shoe_size: shoes")
    schema = shop.load().schema
    assert schema["person"].column("shoe_size").type == "integer"
    assert schema["source_record"].column("shoe_size").type == "integer"
    assert schema["sales_order"].column("till_number").summary == "The till."
    assert schema["visit"].column("order_key").references == "sales_order"
    assert schema["visit"].column("record_id") is not None


def test_mistakes_in_a_schema_of_ones_own_are_told(shop: Any) -> None:
    shop.write(
        "schema.yaml",
        """
        columns:
          persn: {x: integer}
          sales_order: {total: number, Size: text}
          membership: {x: text}
        tables:
          product: {columns: {a: text}}
          visit: {time: when, columns: {at: timestamp, shop_key: {type: text, references: shop}, load_id: text}}
          trip: {time: at, columns: {at: txt}}
        """,
    )
    assert shop.problems() == [
        "schema.yaml:8:34: at must be 'text', 'integer', 'number', 'boolean', 'date' or 'timestamp' or keys and values "
        "(key: value). Did you mean 'text'?",
    ]
    shop.change("schema.yaml", "at: txt", "at: text")
    assert shop.problems() == [
        "schema.yaml:2:3: there is no table 'persn'. Did you mean 'person'?",
        "schema.yaml:3:17: the column 'total' is there already: give yours another name",
        "schema.yaml:3:32: 'Size' is no name: use lower-case letters, digits and _, a letter first",
        "schema.yaml:4:3: 'membership' is filled by the hub: add columns to tables that mappings fill",
        "schema.yaml:6:3: 'product' is a table of the shared schema: add columns to it under `columns:`",
        "schema.yaml:7:17: visit has no column 'when'.",
        "schema.yaml:7:83: there is no table 'shop'.",
        "schema.yaml:7:90: the column 'load_id' is there already: give yours another name",
        "schema.yaml:8:16: at is text; a time is a date or a timestamp",
    ]


def test_translation_lists_are_read_from_yaml_and_from_csv(shop: Any) -> None:
    shop.change(
        "mappings/till.yaml",
        "connection: till",
        "connection: till\nlookups: {size: {1: small, false: 2}, kind: kinds.csv}",
    )
    shop.write("kinds.csv", "code,kind\nK,kibble\nT,\n")
    lookups = shop.load().mappings[0].lookups
    assert lookups == {"size": {"1": "small", "false": "2"}, "kind": {"K": "kibble", "T": None}}


def test_a_translation_list_that_is_no_list_is_told(shop: Any) -> None:
    shop.change(
        "mappings/till.yaml",
        "connection: till",
        "connection: till\nlookups:\n  a: lost.csv\n  b: wide.csv\n  c: ../up.csv",
    )
    shop.write("wide.csv", "code,kind\nK,kibble,dog\n")
    assert shop.problems() == [
        "mappings/till.yaml:3:6: the list lost.csv can't be read: No such file or directory",
        "mappings/till.yaml:4:6: the list wide.csv needs two columns: row 2 has 3 columns",
        "mappings/till.yaml:5:6: ../up.csv lies outside the project: copy it into the project",
    ]
