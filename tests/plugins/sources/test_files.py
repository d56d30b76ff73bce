"""The source `files`: its formats, its places, and what it does with broken files."""

import csv
import gzip
import io
import json
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from pydantic import ValidationError

from hub.contracts import Place
from hub.lake import REJECTED
from hub.testing.sources import CONNECTION, Landing, SourceSuite, SourceWorld
from plugins.sources.files import Files, FilesConfig
from plugins.sources.files.delimited import BLOCK, read_delimited
from plugins.sources.files.places import default_table


class FolderWorld(SourceWorld):
    """A folder into which another system drops a file per export."""

    plugin = Files

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()

    def config(self):
        return FilesConfig(path=f"{self.folder}/*.csv", table="people")

    def wrong_config(self):
        return FilesConfig(path=f"{self.folder}/nowhere.csv")

    def write(self, records):
        with self.next_file("csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(records[0]) if records else ["id", "name"])
            writer.writeheader()
            writer.writerows(records)

    def next_file(self, extension: str) -> Path:
        return self.folder / f"people_{len(list(self.folder.iterdir())):03}.{extension}"


class JsonWorld(FolderWorld):
    def config(self):
        return FilesConfig(path=str(self.folder))

    def write(self, records):
        self.next_file("jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


class TestCsvConforms(SourceSuite):
    @pytest.fixture
    def world(self, tmp_path):
        return FolderWorld(tmp_path / "exports")


class TestJsonLinesConforms(SourceSuite):
    @pytest.fixture
    def world(self, tmp_path):
        return JsonWorld(tmp_path / "exports")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def lands(tmp_path):
    """Land the folder `in` with a configuration; every call is a run of the same connection."""

    def run(**config):
        landing = Landing(Files(FilesConfig(**{"path": "in", **config}), Place(CONNECTION, tmp_path)), tmp_path)
        landing.report = landing.run()
        return landing

    return run


def values(rows, *columns):
    return [tuple(row[column] for column in columns) for row in rows]


def test_a_dutch_export_lands_as_it_was_written(folder, lands):
    (folder / "klanten.csv").write_bytes(
        'Klant Nr;Naam;Bedrag €\r\n7;"Zoë; ""Zus""\r\nen zo";1.234,56\r\n'.encode("cp1252")
    )
    rows = lands(encoding="cp1252", notation="nl").rows("klanten")
    assert values(rows, "klant_nr", "naam", "bedrag") == [("7", 'Zoë; "Zus"\r\nen zo', "1.234,56")]
    assert values(rows, "_file", "_row") == [("klanten.csv", 1)]


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder, lands):
    (folder / "a.csv").write_bytes(b"\xef\xbb\xbfid,name\n1,Anna\n")
    assert values(lands(encoding="cp1252").rows("a"), "id", "name") == [("1", "Anna")]


def test_a_utf16_file_lands(folder, lands):
    (folder / "a.csv").write_bytes("id\tname\n1\tZoë\n".encode("utf-16"))
    assert values(lands(encoding="utf-16").rows("a"), "id", "name") == [("1", "Zoë")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_first_line(folder, lands, delimiter):
    (folder / "a.csv").write_text(f"id{delimiter}name\n1{delimiter}Anna\n")
    assert values(lands().rows("a"), "id", "name") == [("1", "Anna")]


def test_a_file_without_header_gets_the_names_of_the_configuration(folder, lands):
    (folder / "a.csv").write_text("1,Anna\n2,Kees\n")
    assert values(lands(header=False, columns=["id", "name"]).rows("a"), "id", "name") == [("1", "Anna"), ("2", "Kees")]


def test_two_columns_with_one_name_both_land(folder, lands):
    (folder / "a.csv").write_text("id,Total,total\n1,2,3\n")
    assert values(lands().rows("a"), "total", "total_2") == [("2", "3")]


def test_a_column_called_file_gets_a_number(folder, lands):
    (folder / "a.csv").write_text("_file\nx\n")
    assert values(lands().rows("a"), "_file", "_file_2") == [("a.csv", "x")]


def test_broken_lines_are_set_aside_with_place_reason_and_text(folder, lands):
    (folder / "a.csv").write_text('id,name\n1,Anna\n2\n3,Kees,x\n4,"Zoë\n5,Piet\n')
    landing = lands()
    assert values(landing.rows("a"), "id", "name") == [("1", "Anna"), ("5", "Piet")]
    assert values(landing.rows(REJECTED), "table_name", "file", "line", "reason", "raw") == [
        ("a", "a.csv", 3, "1 values where there are 2 columns", "2"),
        ("a", "a.csv", 4, "3 values where there are 2 columns", "3,Kees,x"),
        ("a", "a.csv", 5, "a quote is opened and never closed", '4,"Zoë'),
    ]
    assert (landing.report.rows, landing.report.set_aside) == ({"a": 2}, 3)


def test_a_line_in_the_wrong_encoding_is_set_aside_with_its_byte(folder, lands):
    (folder / "a.csv").write_bytes(b"id,name\n1,Anna\n2,Zo\xeb\n3,Kees\n")
    landing = lands()
    assert values(landing.rows("a"), "id") == [("1",), ("3",)]
    assert values(landing.rows(REJECTED), "line", "reason", "raw") == [
        (3, "not utf-8 at byte 19 of the file", "2,Zo\\xeb")
    ]


def test_a_broken_line_far_into_a_file_costs_only_itself(folder, lands):
    count = 2 * BLOCK // 100
    lines = [f"{number},{'x' * 100}\n".encode() for number in range(count)]
    lines[count - 5] = b"\xff,wrong\n"
    lines[10] = b"10\n"
    (folder / "a.csv").write_bytes(b"id,name\n" + b"".join(lines))
    landing = lands()
    assert landing.report.rows == {"a": count - 2}
    assert sorted(int(row["id"]) for row in landing.rows("a")) == [n for n in range(count) if n not in (10, count - 5)]
    assert values(landing.rows(REJECTED), "line") == [(12,), (count - 3,)]


def test_a_truncated_file_lands_up_to_its_last_whole_line(folder, lands):
    (folder / "a.csv").write_text('id,name\n1,Anna\n2,"Ke')
    landing = lands()
    assert values(landing.rows("a"), "id") == [("1",)]
    assert values(landing.rows(REJECTED), "raw") == [('2,"Ke',)]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"id,name\n"])
def test_an_empty_file_is_fine(folder, lands, content):
    (folder / "a.csv").write_bytes(content)
    assert lands().report.loads == ()


def test_a_file_that_is_nothing_of_the_kind_does_not_stop_the_others(folder, lands):
    (folder / "a.parquet").write_bytes(b"no parquet")
    (folder / "b.xlsx").write_bytes(b"no excel")
    (folder / "c.csv").write_text("id\n1\n")
    with gzip.open(folder / "d.csv.gz", "wt") as file:
        file.write("id\n" + "1\n" * 100_000)
    (folder / "d.csv.gz").write_bytes((folder / "d.csv.gz").read_bytes()[:100])
    (folder / "e.csv").write_bytes(b"n\xe4me\nx\n")
    landing = lands()
    assert values(landing.rows("c"), "id") == [("1",)]
    assert values(landing.rows(REJECTED), "file", "line", "reason") == [
        ("a.parquet", None, "no Parquet file, or not the whole of one; have it exported again"),
        ("b.xlsx", None, "no Excel file, or not the whole of one; have it exported again"),
        ("d.csv.gz", None, "the file ends too early; have it exported again"),
        ("e.csv", None, "the first line is not utf-8 at byte 1 of the file; mend `encoding`, for example cp1252"),
    ]


def test_mending_the_configuration_reads_the_files_again(folder, lands):
    (folder / "a.csv").write_bytes("id,naam\n1,Zoë\n".encode("cp1252"))
    assert lands().report.set_aside == 1
    assert values(lands(encoding="cp1252").rows("a"), "naam") == [("Zoë",)]


def test_a_changed_file_lands_again_and_an_unchanged_one_does_not(folder, lands):
    (folder / "a.csv").write_text("id\n1\n")
    (folder / "b.csv").write_text("id\n1\n")
    lands()
    (folder / "b.csv").write_text("id\n1\n2\n")
    assert lands().report.rows == {"b": 2}


def test_files_with_other_columns_land_in_one_table(folder, lands):
    (folder / "orders_2025-01.csv").write_text("id,total\n1,5\n")
    (folder / "orders_2025-02.csv").write_text("total,id,note\n6,2,x\n")
    rows = lands().rows("orders")
    assert values(rows, "id", "total", "_file") == [
        ("1", "5", "orders_2025-01.csv"),
        ("2", "6", "orders_2025-02.csv"),
    ]


def test_tables_are_named_with_their_patterns(folder, lands):
    (folder / "x1.csv").write_text("id\n1\n")
    (folder / "y.txt").write_text("id\n2\n")
    landing = lands(tables={"first": "x*.csv", "second": "*.txt"})
    assert landing.report.rows == {"first": 1, "second": 1}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("exports/orders.csv", "orders"),
        ("exports/orders_2025-01-31.csv", "orders"),
        ("exports/orders-20250131T101500Z.csv.gz", "orders"),
        ("exports/Order Lines (2).xlsx", "order_lines"),
        ("exports/2025-01.csv", "exports"),
    ],
)
def test_a_table_is_called_after_its_files_without_their_dates(name, table):
    assert default_table(name) == table


def test_excel_keeps_dates_numbers_and_texts(folder, lands):
    book = openpyxl.Workbook()
    book.active.append(["Naam", "Geboren", "Aantal", "Prijs", "Telefoon", "Leeg"])
    book.active.append(["Zoë", date(1990, 2, 28), 2, 1.5, "0612345678", None])
    book.active.append(["Kees", None, 3, 2, 612345678, None])
    book.save(folder / "inschrijvingen.xlsx")
    rows = lands().rows("inschrijvingen")
    assert values(rows, "naam", "geboren", "aantal", "prijs", "telefoon", "leeg") == [
        ("Zoë", date(1990, 2, 28), 2, 1.5, "0612345678", None),
        ("Kees", None, 3, 2.0, "612345678", None),
    ]


def test_a_missing_sheet_is_named_with_those_there(folder, lands):
    openpyxl.Workbook().save(folder / "a.xlsx")
    landing = lands(sheet="Blad1")
    assert values(landing.rows(REJECTED), "reason") == [("no sheet 'Blad1'; there is Sheet; mend `sheet`",)]


def test_json_lines_keep_types_and_nested_values(folder, lands):
    (folder / "mail.jsonl").write_text(
        '{"id": 1, "at": "2025", "tags": ["a", "é"], "x": {"y": null}}\n{broken\n[1]\n\n'
    )
    landing = lands()
    assert values(landing.rows("mail"), "id", "at", "tags", "x") == [(1, "2025", '["a","é"]', '{"y":null}')]
    assert values(landing.rows(REJECTED), "line", "reason", "raw") == [
        (2, "not a line of JSON", "{broken"),
        (3, "not a JSON object", "[1]"),
    ]


def test_parquet_keeps_its_types(folder, lands):
    at = datetime.fromisoformat("2025-01-01 12:00")
    table = pa.table(
        {"id": pa.array([1], pa.int32()), "at": [at], "tags": [["a"]], "name": pa.array(["é"], pa.large_string())}
    )
    parquet.write_table(table, folder / "web.parquet")
    rows = lands().rows("web")
    assert values(rows, "id", "at", "tags", "name") == [(1, at, '["a"]', "é")]


def test_an_unknown_encoding_is_a_mistake_in_the_configuration():
    with pytest.raises(ValidationError, match="there is no encoding 'utf-9'; say, for example, utf-8 or cp1252"):
        FilesConfig(path="in", encoding="utf-9")


def test_a_delimiter_that_the_first_line_lacks_is_told_and_not_made_one_column(folder, lands):
    (folder / "klanten.csv").write_text("id,naam,plaats\n1,Anna,Ede\n")
    (rejected,) = lands(delimiter=";").rows("_rejected")
    assert rejected["reason"] == "the first line has no `;`, and several `,`; mend `delimiter`"


def test_a_folder_that_is_not_there_is_no_empty_delivery(tmp_path):
    check = Files(FilesConfig(path="invoer/*.csv"), Place(CONNECTION, tmp_path)).check()
    assert (check.ok, check.message) == (False, "invoer/*.csv: there is no folder invoer; mend `path`")


def test_a_check_shows_the_tables_it_found(folder, tmp_path):
    (folder / "a_1.csv").write_text("id\n1\n")
    check = Files(FilesConfig(path="in"), Place(CONNECTION, tmp_path)).check()
    assert (check.ok, check.message) == (True, "1 file for 1 table: a")


class Exporting(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, size):
        self._line = b"1234567," + b"x" * 92 + b"\n"
        self._size, self._at = size // len(self._line) * len(self._line), 0
        self.rows = self._size // len(self._line) - 1

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, position, whence=0):
        self._at = position
        return position

    def readinto(self, buffer):
        count = min(len(buffer), self._size - self._at)
        offset = self._at % len(self._line)
        buffer[:count] = (self._line * (count // len(self._line) + 2))[offset : offset + count]
        self._at += count
        return count


def test_a_large_file_is_read_in_constant_memory():
    exporting = Exporting(250_000_000)
    before, most, rows = pa.total_allocated_bytes(), 0, 0
    for part in read_delimited(io.BufferedReader(exporting), FilesConfig(path="in")):
        most = max(most, pa.total_allocated_bytes() - before)
        rows += len(part)
    assert rows == exporting.rows
    assert most < 40_000_000
