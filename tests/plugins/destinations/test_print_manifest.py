"""The manifest of the drop as XML: by its published schema, and with the same as the CSV."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.contracts import Erasable
from hub.testing.destinations import DestinationSuite
from plugins.destinations.print import Print
from plugins.destinations.print.config import PrintConfig

from .letters import ANNA, LUC, letter, make, rows_of
from .xsd import InvalidError, read

SCHEMA = Path(__file__).parents[3] / "plugins/destinations/print/manifest.xsd"
LONG = "Lang.\n#pagebreak()\nVervolg."


class TestPrintWithXml(DestinationSuite):
    plugin = Print

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"folder": "out/letters", "manifest": ["xml"], "kix": True}

    @pytest.fixture
    def unreachable(self, project: Path) -> Mapping[str, Any]:
        (project / "a-file").write_text("no folder")
        return {"folder": "a-file/letters", "manifest": ["xml"]}

    @pytest.fixture
    def taken(self, project: Path) -> Callable[[], Sequence[str]]:
        return lambda: [path.stem for path in (project / "out/letters").glob("*.pdf")]


def told(drop: Path) -> list[dict[str, str]]:
    """Read the XML of the drop, by its schema."""
    (path,) = drop.glob("*.xml")
    root = read(path.read_bytes(), SCHEMA)
    assert root.get("letters") == str(len(root))
    return [{part.tag: part.text or "" for part in one} for one in root]


@pytest.mark.parametrize("files", ["letter", "batch"])
def test_both_manifests_say_the_same(tmp_path: Path, files: str) -> None:
    to = replace(LUC, street='"De <+31> & zonen", straat', name="Zoë \U0001f408 'Müller'")
    letters = [letter(1, source=LONG), letter(2, to=to), letter(3)]
    make(tmp_path, files=files, manifest=["csv", "xml"]).send(letters)
    (csv,) = (tmp_path / "drop").glob("*.csv")
    assert told(tmp_path / "drop") == rows_of(csv)
    assert [row["pages"] for row in rows_of(csv)] == ["2", "1", "1"]
    assert [row["kix"] for row in rows_of(csv)] == ["2583XL103XC", "", "2583XL103XC"]


def test_a_printer_that_reads_xml_gets_no_csv(tmp_path: Path) -> None:
    make(tmp_path, manifest=["xml"]).send([letter()])
    assert sorted(path.suffix for path in (tmp_path / "drop").iterdir()) == [".pdf", ".xml"]


def test_what_xml_can_not_hold_is_marked(tmp_path: Path) -> None:
    make(tmp_path, manifest=["xml"]).send([letter(to=replace(ANNA, name="Anna\x00 van\x1f der Valk"))])
    assert told(tmp_path / "drop")[0]["name"] == "Anna\ufffd van\ufffd der Valk"


def test_an_erased_letter_leaves_both_manifests(tmp_path: Path) -> None:
    destination = make(tmp_path, manifest=["csv", "xml"])
    destination.send([letter(1), letter(2)])
    (result,) = destination.erase([Erasable("sample-letter-0001")])
    assert result.status == "accepted"
    assert [row["id"] for row in told(tmp_path / "drop")] == ["sample-letter-0002"]
    (csv,) = (tmp_path / "drop").glob("*.csv")
    assert [row["id"] for row in rows_of(csv)] == ["sample-letter-0002"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"<first_page>1<", b"<first_page>0<"),
        (b"<pages>1<", b"<pages><"),
        (b"<country>NL<", b"<country>Nederland<"),
        (b"<kix>2583XL103XC<", b"<kix>2583 XL 103<"),
        (b"<city>Scheveningen</city>", b""),
        (b"<city>Scheveningen</city>", b"<city>Scheveningen</city><phone>1</phone>"),
        (b'version="1"', b'version="2"'),
        (b"<id>sample-letter-0001<", b"<id><"),
    ],
)
def test_the_schema_refuses_what_is_none(tmp_path: Path, good: bytes, bad: bytes) -> None:
    make(tmp_path, manifest=["xml"]).send([letter()])
    (path,) = (tmp_path / "drop").glob("*.xml")
    written = path.read_bytes()
    assert written.count(good) == 1
    with pytest.raises(InvalidError):
        read(written.replace(good, bad), SCHEMA)


def test_a_drop_without_any_manifest_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        PrintConfig.model_validate({"folder": "drop", "manifest": []})
