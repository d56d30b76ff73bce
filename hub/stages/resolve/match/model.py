"""The model: what is compared, in how many shades, and how telling each shade is.

Each comparison has levels, from equal to different. `m` is how often two records of one person compare so, `u` how
often those of two people do. What follows for a pair is by Fellegi and Sunter (1969). The numbers below are an
expert's prior; training moves them by what the project's own data says.

E-mail, phone and address are one comparison, and the surname is part of it where any of them is shared: people of one
household share several of these at once; to count each by itself would make one person of two who live together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splink import SettingsCreator


@dataclass(frozen=True)
class Level:
    """One shade: the words that tell it, its condition in DuckDB's SQL, and the prior of `m` and `u`."""

    words: str
    sql: str
    m: float
    u: float


@dataclass(frozen=True)
class Comparison:
    """One thing that is compared; nothing follows from it where `unknown` holds. The last level is `ELSE`."""

    name: str
    unknown: str
    levels: tuple[Level, ...]


def _either_lacks(column: str) -> str:
    return f'"{column}_l" IS NULL OR "{column}_r" IS NULL'


def _share(column: str) -> str:
    return f'list_has_any("{column}_l", "{column}_r")'


def _similar(one: str, other: str) -> str:
    """Give the SQL that holds where any of one list is equal to, or a slip away from, any of the other."""
    return f'(list_has_any("{one}_l", "{other}_r") OR any_near("{one}_l", "{other}_r"))'


_SHARE_HOME = f"({_share('phone')} OR {_share('address')})"
_SAME_PLACE = 'any_place("place_l", "place_r")'
_SHARE_ANY = f"({_share('email')} OR {_SHARE_HOME})"
_SWAPPED = f"coalesce({_similar('given_name', 'surname_word')} AND {_similar('surname_word', 'given_name')}, false)"
_ONLY_SWAPPED = f"({_SWAPPED} AND NOT {_share('given_name')})"
_SAME_SURNAME = f"""({_share("surname_word")} OR {_SWAPPED} OR any_near("surname_l", "surname_r"))"""

COMPARISONS = (
    Comparison(
        "given_name",
        _either_lacks("given_name"),
        (
            Level("given name and surname swapped", _ONLY_SWAPPED, 0.01, 2e-06),
            Level("given name equal", _share("given_name"), 0.67, 0.011),
            Level("given names are forms of one name", _share("formal_name"), 0.14, 0.006),
            Level(
                "given name similar",
                'any_near("given_name_l", "name_form_r") OR any_near("given_name_r", "name_form_l")',
                0.06,
                0.005,
            ),
            Level("initial fits", 'any_initial("given_name_l", "given_name_r")', 0.10, 0.02),
            Level("given name differs", "ELSE", 0.02, 0.957998),
        ),
    ),
    Comparison(
        "surname",
        f"{_either_lacks('surname_word')} OR coalesce({_SHARE_ANY}, false) OR {_ONLY_SWAPPED}",
        (
            Level(
                "surname equal",
                f'{_share("surname_word")} AND NOT ("common_surname_l" AND "common_surname_r")',
                0.60,
                0.0002,
            ),
            Level("surname equal, a common one", _share("surname_word"), 0.30, 0.0045),
            Level("surname similar", 'any_near("surname_l", "surname_r")', 0.05, 0.0008),
            Level("surname differs", "ELSE", 0.05, 0.9945),
        ),
    ),
    Comparison(
        "birth_date",
        _either_lacks("birth_date"),
        (
            Level("birth date equal", _share("birth_date"), 0.93, 3.5e-05),
            Level("birth date one digit apart", 'any_slip("birth_date_l", "birth_date_r")', 0.03, 0.0013),
            Level("birth date with day and month turned", 'any_turned("birth_date_l", "birth_date_r")', 0.01, 1e-05),
            Level("birth date differs", "ELSE", 0.03, 0.998655),
        ),
    ),
    Comparison(
        "gender",
        _either_lacks("gender"),
        (Level("gender equal", '"gender_l" = "gender_r"', 0.985, 0.5), Level("gender differs", "ELSE", 0.015, 0.5)),
    ),
    Comparison(
        "contact",
        '("email_l" IS NULL OR "email_r" IS NULL) AND ("phone_l" IS NULL OR "phone_r" IS NULL) '
        'AND ("address_l" IS NULL OR "address_r" IS NULL) AND ("place_l" IS NULL OR "place_r" IS NULL)',
        (
            Level("e-mail equal, and phone or address", f"{_share('email')} AND {_SHARE_HOME}", 0.22, 1e-06),
            Level("e-mail equal", _share("email"), 0.12, 3e-07),
            Level(
                "phone and address equal, surname equal or similar",
                f"{_share('phone')} AND {_share('address')} AND {_SAME_SURNAME}",
                0.15,
                4e-06,
            ),
            Level("phone equal, surname equal or similar", f"{_share('phone')} AND {_SAME_SURNAME}", 0.09, 6e-07),
            Level("address equal, surname equal or similar", f"{_share('address')} AND {_SAME_SURNAME}", 0.16, 3.4e-05),
            Level("phone and address equal", f"{_share('phone')} AND {_share('address')}", 0.02, 1.2e-06),
            Level("phone equal", _share("phone"), 0.01, 1e-06),
            Level("address equal", _share("address"), 0.02, 3.1e-05),
            Level(
                "e-mail or phone one slip apart",
                'any_slip("email_l", "email_r") OR any_slip("phone_l", "phone_r")',
                0.08,
                2e-06,
            ),
            Level("address similar", _SAME_PLACE, 0.03, 2e-06),
            Level("street equal", 'any_street("place_l", "place_r")', 0.02, 2e-05),
            Level("postcode equal", _share("postcode"), 0.01, 2e-05),
            Level("e-mail, phone and address differ", "ELSE", 0.07, 0.9998837),
        ),
    ),
)


def _is(comparison: str, *words: str) -> str:
    """Give the SQL that holds where a comparison has one of these levels, told by their words."""
    levels = next(it.levels for it in COMPARISONS if it.name == comparison)
    places = [str(len(levels) - 1 - place) for place, level in enumerate(levels) if level.words in words]
    return f"gamma_{comparison} IN ({', '.join(places)})"


_ONE_GIVEN_NAME = _is(
    "given_name", "given name and surname swapped", "given name equal", "given names are forms of one name"
)
_OTHER_GIVEN_NAME = _is("given_name", "given name differs")
_OTHER_BIRTH_DATE = _is("birth_date", "birth date differs")
_OTHER_SEX = f"({_is('gender', 'gender differs')} AND NOT {_ONE_GIVEN_NAME})"
_ONE_MAILBOX = _is("contact", "e-mail equal, and phone or address", "e-mail equal")
_OTHER_PERSON_BORN = (
    f"({_OTHER_BIRTH_DATE} AND (NOT {_ONE_GIVEN_NAME} OR {_is('surname', 'surname differs')} OR NOT {_ONE_MAILBOX}))"
)


def contradicts(families: bool) -> str:
    """Give the SQL that holds where two people are not one, however likely.

    Twins, and parents and children at one address, have all but the given name or the birth date in common: where
    families are among the people, one of these is enough to keep two apart. Where none are, it takes both.
    """
    if families:
        return f"({_OTHER_SEX} OR {_OTHER_GIVEN_NAME} OR {_OTHER_PERSON_BORN})"
    return f"({_OTHER_SEX} OR {_OTHER_GIVEN_NAME} AND {_OTHER_BIRTH_DATE})"


_AT_HOME = _is(
    "contact", "phone and address equal, surname equal or similar", "address equal, surname equal or similar"
)
RELATIVES = f"{_AT_HOME} AND {_OTHER_GIVEN_NAME} AND {_OTHER_BIRTH_DATE}"
"""Where two of one surname at one address are relatives."""
LOOK_ALIKES = f"""{_AT_HOME} AND (
    {_OTHER_GIVEN_NAME} AND {_is("birth_date", "birth date equal")}
    OR {_is("given_name", "given name equal")} AND {_OTHER_BIRTH_DATE}
)"""
"""Where they are twins, or bear one name; or are one person of whom something was told wrong."""


def gammas(pairs: str) -> str:
    """Give the SQL that compares pairs (a query with low and high) without a model: low, high and each `gamma_`."""
    columns = sorted({name for text in _conditions() for name in re.findall(r'"(\w+)_[lr]"', text)})
    sides = ", ".join(f"l.{name} AS {name}_l, r.{name} AS {name}_r" for name in columns)
    cases = ", ".join(_gamma(comparison) for comparison in COMPARISONS)
    return (
        f"SELECT low, high, {cases} FROM (SELECT low, high, {sides} FROM ({pairs}) "
        "JOIN people AS l ON l.person = low JOIN people AS r ON r.person = high)"
    )


def _conditions() -> list[str]:
    return [text for it in COMPARISONS for text in (it.unknown, *(level.sql for level in it.levels))]


def _gamma(comparison: Comparison) -> str:
    last = len(comparison.levels) - 1
    cases = " ".join(f"WHEN {level.sql} THEN {last - place}" for place, level in enumerate(comparison.levels[:-1]))
    return f"CASE WHEN {comparison.unknown} THEN -1 {cases} ELSE 0 END AS gamma_{comparison.name}"


def reason() -> str:
    """Give the SQL that tells in words how a pair compares."""
    told = []
    for comparison in COMPARISONS:
        last = len(comparison.levels) - 1
        words = [
            (last - place, level.words) for place, level in enumerate(comparison.levels) if level.words not in UNTOLD
        ]
        cases = " ".join(f"WHEN {gamma} THEN '{text}'" for gamma, text in words)
        told.append(f"CASE gamma_{comparison.name} {cases} END")
    close = "printf(' %.2f', jaro_winkler_similarity(given_name_l[1], given_name_r[1]))"
    told[0] = f"{told[0]} || CASE gamma_given_name WHEN 2 THEN {close} ELSE '' END"
    return f"concat_ws(', ', {', '.join(told)})"


UNTOLD = ("gender equal",)

Shares = Mapping[str, list[float]]
"""Per comparison, the probabilities of its levels, in their order."""


def prior_m() -> dict[str, list[float]]:
    """Give the expert's `m`."""
    return {comparison.name: [level.m for level in comparison.levels] for comparison in COMPARISONS}


def prior_u() -> dict[str, list[float]]:
    """Give the expert's `u`."""
    return {comparison.name: [level.u for level in comparison.levels] for comparison in COMPARISONS}


def settings(m: Shares, u: Shares | None, blocking: list[Any], probability: float) -> SettingsCreator:
    """Give the model in Splink's own terms."""
    from splink import SettingsCreator
    from splink import comparison_level_library as levels
    from splink import comparison_library as comparisons

    made: list[Any] = []
    for comparison in COMPARISONS:
        shades: list[Any] = [levels.CustomLevel(comparison.unknown, "not known").configure(is_null_level=True)]
        for place, level in enumerate(comparison.levels):
            shade = levels.ElseLevel() if level.sql == "ELSE" else levels.CustomLevel(level.sql, level.words)
            shade.configure(m_probability=m[comparison.name][place])
            if u is not None:
                shade.configure(u_probability=u[comparison.name][place])
            shades.append(shade)
        made.append(comparisons.CustomComparison(output_column_name=comparison.name, comparison_levels=shades))
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="person",
        comparisons=made,
        blocking_rules_to_generate_predictions=blocking,
        probability_two_random_records_match=probability,
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=False,
        additional_columns_to_retain=[],
    )
