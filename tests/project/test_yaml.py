"""YAML: what it means, and what is said about text that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.project.yaml import LARGEST_FILE, parse, read, substitute

WRONG = {
    "a:\n\tb: 1\n": "f.yaml:2:1: YAML is indented with spaces, not with tabs: replace the tab",
    "a: 1\nb: 2\na: 3\n": "f.yaml:3:1: the key 'a' is already there, on line 1: remove one",
    "a: b: c\n": "f.yaml:1:5: a ':' can't stand here: put the text in quotes, or mend the indentation",
    "a: 'x\nb: 1\n": "f.yaml:3:1: a quotation mark is opened and not closed",
    "a: @x\n": "f.yaml:1:4: a value can't start with @: put it in quotes",
    "a:\n  b: 1\n c: 2\n": "f.yaml:3:2: the indentation does not match the lines above: "
    "keys of one level start in one column",
    "a: [1, 2\nb: 3\n": "f.yaml:2:2: a comma or a closing bracket is missing",
    "a: {url: ${X}}\n": 'f.yaml:1:11: between { } or [ ], put ${NAME} in quotes: "${NAME}"',
    "a: !!python/object:os.system x\n": "f.yaml:1:4: tags such as !name are not supported: write a plain value",
    "a: &x 1\nb: *x\n": "f.yaml:1:4: anchors and aliases are not supported: write the value again",
    "a: *x\n": "f.yaml:1:4: anchors and aliases are not supported: write the value again",
    "a: 1\n---\nb: 1\n": "f.yaml:2:1: a second document starts here: write it in a file of its own",
    "[" * 50: "f.yaml:1:41: is nested deeper than 40 levels",
    "a: \x01": "f.yaml:1:4: a control character can't stand in YAML: remove it",
    "{a: 1}: b": "f.yaml:1:1: a key must be a word or a whole number; text that starts with { or [ needs quotes",
    "1.5: b": "f.yaml:1:1: a key must be a word or a whole number: put it in quotes",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_yaml_is_told_with_its_place_and_remedy(text: str) -> None:
    _, problems = parse(text, "f.yaml")
    assert [str(problem) for problem in problems] == [WRONG[text]]


def test_values_mean_what_they_look_like() -> None:
    document, problems = parse(
        "country: NO\npostcode: 0123\nday: 2026-03-01\ntime: 12:30\nprice: 1.5\nbelow: -3\nnothing: null\nempty:\n"
        "yes: true\nquoted: '1'\nphone: 0612345678\nbarcode: 12345678901234567890\n",
        "f.yaml",
    )
    assert problems == []
    assert document.value == {
        "country": "NO",
        "postcode": "0123",
        "day": "2026-03-01",
        "time": "12:30",
        "price": 1.5,
        "below": -3,
        "nothing": None,
        "empty": None,
        "yes": True,
        "quoted": "1",
        "phone": "0612345678",
        "barcode": "12345678901234567890",
    }


def test_every_key_and_value_has_its_place() -> None:
    document, _ = parse("a:\n  - b: 1\n    c: [x, y]\n", "f.yaml")
    assert document.keys["a", 0, "c"] == (3, 5)
    assert document.values["a", 0, "c", 1] == (3, 12)
    assert str(document.at_key(("a", 0, "lost"), "gone")) == "f.yaml:2:5: gone"


def test_a_file_that_is_too_large_or_no_utf8_is_refused(tmp_path: Path) -> None:
    large, latin = tmp_path / "large.yaml", tmp_path / "latin.yaml"
    large.write_bytes(b"# " + b"x" * LARGEST_FILE)
    latin.write_bytes("a: Zoë".encode("cp1252"))
    assert [str(problem) for problem in read(large, "large.yaml")[1]] == [
        "large.yaml: has 1,048,578 bytes; a YAML file may have 1,048,576: keep data in CSV files"
    ]
    assert [str(problem) for problem in read(latin, "latin.yaml")[1]] == [
        "latin.yaml: is not UTF-8 text (byte 6): save it as UTF-8"
    ]
    assert [str(problem) for problem in read(tmp_path / "lost.yaml", "lost.yaml")[1]] == [
        "lost.yaml: can't be read: No such file or directory"
    ]


def test_names_are_filled_in_and_what_is_filled_in_is_not_filled_again() -> None:
    document, _ = parse('a: x-${ONE}-${TWO:-2}\nb: ["${ONE}"]\n', "f.yaml")
    filled, problems, found = substitute(document, {"ONE": "${TWO}"}.get)
    assert problems == []
    assert filled.value == {"a": "x-${TWO}-2", "b": ["${TWO}"]}
    assert found == ["${TWO}", "${TWO}"]


def test_a_name_that_nothing_sets_is_told_once_per_place() -> None:
    document, _ = parse("a: 1\nb: ${CRM_KEY}\nc: ${CRM-KEY}\n", "hub.yaml")
    _, problems, _ = substitute(document, {}.get)
    assert [str(problem) for problem in problems] == [
        "hub.yaml:2:4: CRM_KEY is not set: set CRM_KEY in the environment, in .env, or in the secrets folder",
        "hub.yaml:3:4: write ${NAME} or ${NAME:-default}, with letters, digits and _",
    ]


def test_a_place_inside_a_text_counts_from_its_first_letter() -> None:
    document, _ = parse('a: total >= x\nb: "total >= x"\nc: |\n  total >= x\n', "f.yaml")
    places = [document.at_value((key,), "here", offset=9) for key in "abc"]
    assert [(place.line, place.column) for place in places] == [(1, 13), (2, 14), (3, 4)]
    assert document.at_value(("b",), "here").column == 4
