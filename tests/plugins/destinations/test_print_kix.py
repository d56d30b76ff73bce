"""KIX under the address: the bars are those that PostNL publishes, and they stand in the PDF."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError
from pypdf import PdfReader
from pypdf.generic import ContentStream

from hub.contracts import PostalRecipient
from hub.normalise.address import PostalAddress
from plugins.destinations.print.config import PrintConfig
from plugins.destinations.print.kix import bars_of, kix_of

from .letters import ANNA, LUC, letter, make, rows_of

PUBLISHED = [
    # the examples of PostNL's handbook, then the whole alphabet, as drawn by two encoders that agree
    ("2500GG30250", "TDFADDAATTFFTTFFDAFTDAFTDTAFTTFFTDFADDAATTFF"),
    ("2130VA80430", "TDFATDAFDTAFTTFFAFTDDADATFDATTFFDTFADTAFTTFF"),
    ("1231GF156X2", "TDAFTDFADTAFTDAFDAFTDAADTDAFDDAATADFFATDTDFA"),
    ("1231FZ13XHS", "TDAFTDFADTAFTDAFDAADFFTTTDAFDTAFFATDDFATFTFT"),
    ("1234567890ABCDEFGH", "TDAFTDFADTAFDTFADDAATADFTFTFTFDADATFTTFFDADADFTATAFDTFADTFFTDAADDAFTDFAT"),
    ("IJKLMNOPQRSTUVWXYZ", "ATDFADTFADDAFTTFFTDAFDTAATFDADADADFTFTADFTFTFDATAADDAFTDAFDTFATDFADTFFTT"),
]


@pytest.mark.parametrize(("code", "bars"), PUBLISHED)
def test_a_code_becomes_the_published_bars(code: str, bars: str) -> None:
    assert bars_of(code) == bars


@pytest.mark.parametrize(
    ("street", "number", "letter", "addition", "postcode", "code"),
    [
        ("Havendijk", "13", "", "hs", "1231FZ", "1231FZ13XHS"),
        ("Havendijk", "156", "", "2", "1231 GF", "1231GF156X2"),
        ("Postbus", "30250", "", "", "2500GG", "2500GG30250"),
        ("Keizerstraat", "103", "c", "", "2583XL", "2583XL103XC"),
        ("Keizerstraat", "0555", "B", "73-c", "2583XL", "2583XL555XB73C"),
        ("Keizerstraat", "123456", "", "", "2583XL", ""),
        ("Keizerstraat", "12", "", "achterhuis", "2583XL", ""),
        ("Keizerstraat", "12", "", "", "2583SS", ""),
    ],
)
def test_the_code_of_an_address_follows_the_handbook_or_is_left_out(
    street: str, number: str, letter: str, addition: str, postcode: str, code: str
) -> None:
    address = PostalAddress(("A",), street, number, postcode, "Den Haag", "NL", letter=letter, addition=addition)
    assert kix_of(address) == code


def test_only_dutch_addresses_have_a_code() -> None:
    assert kix_of(PostalAddress(("A",), "Nieuwstraat", "12", "1000", "Brussel", "BE")) == ""


def drawn(path: Path) -> str:
    """Read the bars off the first page: where each line begins and ends, in millimetres."""
    page = PdfReader(path).pages[0]
    lines: list[tuple[float, float, float]] = []
    begin = (0.0, 0.0)
    for operands, operator in ContentStream(page.get_contents(), page.pdf).operations:
        x, y = (float(number) * 25.4 / 72 for number in operands) if operator in (b"m", b"l") else begin
        if operator == b"m":
            begin = (x, y)
        elif operator == b"l":
            assert x == begin[0]
            lines.append((x, begin[1], y))
    steps = {round(after[0] - before[0], 3) for before, after in pairwise(lines)}
    assert all(step == pytest.approx(25.4 / 22, abs=0.01) for step in steps)
    return "".join(
        {(0, 0): "T", (1, 0): "A", (0, 1): "D", (1, 1): "F"}[top < 1, bottom > 4] for _, top, bottom in lines
    )


def test_the_bars_stand_under_the_address(tmp_path: Path) -> None:
    to = PostalRecipient("Dhr. De Jong", "Havendijk", "13", "", "hs", "1231FZ", "Postdam")
    (result,) = make(tmp_path, kix=True).send([letter(to=to)])
    assert drawn(tmp_path / "drop" / result.remote_id) == dict(PUBLISHED)["1231FZ13XHS"]


def test_letters_abroad_and_printers_that_print_the_code_themselves_get_no_bars(tmp_path: Path) -> None:
    (abroad,) = make(tmp_path, kix=True).send([letter(1, to=LUC)])
    assert drawn(tmp_path / "drop" / abroad.remote_id) == ""
    (without,) = make(tmp_path / "other").send([letter(2, to=ANNA)])
    assert drawn(tmp_path / "other/drop" / without.remote_id) == ""
    (manifest,) = (tmp_path / "other/drop").glob("*.csv")
    assert [row["kix"] for row in rows_of(manifest)] == ["2583XL103XC"]


def test_the_longest_code_stays_within_the_window(tmp_path: Path) -> None:
    to = replace(ANNA, house_number="12345", house_addition="bisrd6")
    (result,) = make(tmp_path, kix=True, return_address="Retour: Kattenkade 1").send([letter(to=to)])
    page = PdfReader(tmp_path / "drop" / result.remote_id).pages[0]
    assert len(drawn(tmp_path / "drop" / result.remote_id)) == 4 * 18
    assert 18 * 4 * 25.4 / 22 < 90, "millimetres of a window"
    heights = [ops[5] for ops, sign in ContentStream(page.get_contents(), page.pdf).operations if sign == b"cm"]
    assert min(297 - float(height) * 25.4 / 72 for height in heights if float(height) > 500) > 50


def test_codes_are_for_letters_that_postnl_takes() -> None:
    with pytest.raises(ValidationError, match="only for letters that are sent from NL"):
        PrintConfig.model_validate({"folder": "drop", "kix": True, "sent_from": "BE"})
