"""The vectors come from the field rules, section "Phone"."""

import random
import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.normalise.phone import Phone, parse_phone, phone_pattern, phone_prefixes

MOBILE_NL = Phone("+31612345678", None, "mobile")
MOBILE_BE = Phone("+32470123456", None, "mobile")


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("06-12345678", "NL", MOBILE_NL),
        ("+31 (0)6 12345678", "NL", MOBILE_NL),
        ("0031 06 12345678", "NL", MOBILE_NL),
        ("31612345678", "NL", MOBILE_NL),
        ("0470 12 34 56", "BE", MOBILE_BE),
        ("+32 (0)470/12.34.56", "BE", MOBILE_BE),
        ("02 512 34 56", "BE", Phone("+3225123456", None, "fixed")),
        ("020-1234567 ext. 12", "NL", Phone("+31201234567", "12", "fixed")),
        ("097012345678", "NL", Phone("+3197012345678", None, "machine")),
    ],
)
def test_a_number_gets_one_spelling_however_it_was_written(text: str, region: str, expected: Phone) -> None:
    assert parse_phone(text, region) == expected


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0470123456", "NL"),
        ("0612345678", "BE"),
        ("0612345", "NL"),
        ("0000000000", "NL"),
        ("112", "NL"),
        ("020-1234567 tst 12", "NL"),
        ("06-12345678 / 06-87654321", "NL"),
        ("06-12345678, 020-1234567", "NL"),
        ("0612345678 0687654321", "NL"),
    ],
)
def test_what_is_not_certainly_one_number_of_the_region_is_refused(text: str, region: str) -> None:
    assert parse_phone(text, region) is None


@pytest.mark.parametrize(
    "text", ["", " ", "onbekend", "061234567O", "anna 0612345678", "06-1234 KLANT", "+", "()", "++31612345678"]
)
def test_letters_are_never_read_as_keypad_digits(text: str) -> None:
    assert parse_phone(text, "NL") is None


@pytest.mark.parametrize(
    "text",
    [
        "\u202a+31\u00a06\u00a01234\u00a05678\u202c",
        "06\u201312345678",
        "\uff10\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "tel:+31612345678",
        "612345678",
    ],
)
def test_marks_that_address_books_add_do_not_matter(text: str) -> None:
    assert parse_phone(text, "NL") == MOBILE_NL


def test_a_number_with_its_country_code_is_valid_whatever_the_region_of_the_source() -> None:
    assert parse_phone("+32 470 12 34 56", "NL") == MOBILE_BE


@pytest.mark.parametrize(("text", "kind"), [("0800 1234", "other"), ("0900-1234", "other"), ("088 1234567", "other")])
def test_service_numbers_are_neither_fixed_nor_mobile(text: str, kind: str) -> None:
    phone = parse_phone(text, "NL")
    assert phone is not None
    assert phone.kind == kind


def test_an_unknown_region_is_named() -> None:
    with pytest.raises(ValueError, match="'XX' is no region"):
        phone_pattern("XX")


def test_the_pattern_uses_nothing_that_an_engine_may_read_differently() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        outside_groups = phone_pattern(region).replace("(?:", "(")
        assert "(?" not in outside_groups, region
        assert "\\" not in outside_groups, region


def test_prefixes_of_the_netherlands_and_belgium() -> None:
    assert phone_prefixes("NL") == ("+31", "0031", "31", "0", "")
    assert phone_prefixes("BE") == ("+32", "0032", "32", "0", "")


def test_no_trunk_zero_is_stripped_where_the_zero_belongs_to_the_number() -> None:
    assert phone_prefixes("IT") == ("+39", "0039")


def as_the_engine_reads(text: str, region: str) -> set[str]:
    """All E.164 numbers that an engine may make of a text with the pattern; empty if none."""
    stripped = re.sub(r"[ .()/-]", "", text)
    code = phonenumbers.country_code_for_region(region)
    pattern = re.compile(phone_pattern(region))
    rests = [stripped.removeprefix(prefix) for prefix in phone_prefixes(region) if stripped.startswith(prefix)]
    return {f"+{code}{rest}" for rest in rests if pattern.match(rest)}


def assert_alike(text: str, region: str) -> None:
    for e164 in as_the_engine_reads(text, region):
        phone = parse_phone(text, region)
        assert phone is not None, (text, region)
        assert (phone.e164, phone.extension) == (e164, None), (text, region)


@pytest.mark.parametrize("region", ["NL", "BE"])
def test_every_range_that_the_pattern_accepts_is_read_alike_by_the_parser(region: str) -> None:
    # All beginnings of five digits, at each length, behind each prefix: the ranges differ in their first digits only.
    tails = {length: "1234567890"[: length - 5] for length in range(8, 12)}
    pattern = re.compile(phone_pattern(region))
    accepted = 0
    for beginning in range(100_000):
        for tail in tails.values():
            national = f"{beginning:05d}{tail}"
            if pattern.match(national) and beginning % 7 == 0:
                accepted += 1
                for prefix in phone_prefixes(region):
                    assert_alike(prefix + national, region)
    assert accepted > 1_000


def written_by(pattern: str, chance: random.Random) -> str:
    """Make up a text that a pattern of this module accepts."""
    return "".join(_pieces(_parser.parse(pattern), chance))


def _pieces(parsed: Any, chance: random.Random) -> Iterator[str]:
    for operation, argument in parsed:
        if operation is _constants.LITERAL:
            yield chr(argument)
        elif operation is _constants.IN:
            ranges = [bounds if kind is _constants.RANGE else (bounds, bounds) for kind, bounds in argument]
            yield chr(chance.choice([code for low, high in ranges for code in range(low, high + 1)]))
        elif operation is _constants.MAX_REPEAT:
            least, most, repeated = argument
            for _ in range(chance.randint(least, most)):
                yield from _pieces(repeated, chance)
        elif operation is _constants.SUBPATTERN:
            yield from _pieces(argument[-1], chance)
        elif operation is _constants.BRANCH:
            yield from _pieces(chance.choice(argument[1]), chance)
        else:
            assert operation is _constants.AT, operation


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_numbers_of_all_regions_that_the_pattern_accepts_are_read_alike_by_the_parser(region: str) -> None:
    chance = random.Random(region)
    code = phonenumbers.country_code_for_region(region)
    for _ in range(60):
        national = written_by(phone_pattern(region), chance)
        for prefix in phone_prefixes(region):
            assert parse_phone(prefix + national, region) is not None, (prefix, national)
            assert as_the_engine_reads(prefix + national, region) == {f"+{code}{national}"}
            assert_alike(prefix + national, region)


@given(
    region=st.sampled_from(["NL", "BE"]),
    prefix=st.sampled_from(["", "0", "+31", "0031", "31", "+32", "0032", "32", "+31(0)", "00"]),
    rest=st.text(alphabet="0123456789 .()/-", min_size=6, max_size=16),
)
def test_punctuation_never_makes_engine_and_parser_differ(region: str, prefix: str, rest: str) -> None:
    assert_alike(prefix + rest, region)
    readings = as_the_engine_reads(prefix + rest, region)
    assert len(readings) <= 1
