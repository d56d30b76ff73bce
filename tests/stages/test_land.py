"""The stage `land`: what comes into the lake, what is set aside, and what a kill at any moment leaves."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from hub.contracts import Capabilities, Check, ConnectionConfig, Destination, Place, Source
from hub.errors import ConfigurationError, PluginError, RejectedError, TemporaryError
from hub.lake import REJECTED, Lake
from hub.stages.land import land
from hub.testing.sources import landed

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


class Told(Source):
    """A source that yields what it is told: pages per table, or an error to raise."""

    name = "told"
    config_model = ConnectionConfig

    def __init__(self, **tables):
        super().__init__(ConnectionConfig(), Place("shop", Path()))
        self.tables = tables
        self.runs = 0

    def check(self):
        return Check(True, "told")

    def resources(self):
        import dlt

        self.runs += 1
        return [dlt.resource(self._pages(pages), name=name) for name, pages in self.tables.items()]

    @staticmethod
    def _pages(pages):
        for page in pages:
            if isinstance(page, Exception):
                raise page
            yield page


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def lands(lake, tmp_path):
    def run(**tables):
        return land(lake, "shop", Told(**tables), tmp_path / "work", AS_OF)

    return run


@pytest.fixture
def rows(lake):
    """Read a table of the lake, without the columns that the hub adds."""

    def read(table):
        return [
            {name: value for name, value in row.items() if name not in ("_row", "_dlt_load_id") and value is not None}
            for row in landed(lake, "shop", table)
        ]

    return read


def test_a_report_counts_rows_files_and_what_was_set_aside(lands):
    report = lands(orders=[[{"id": 1}, {"id": 2}], [{"id": 3}]], customers=[[{"id": 1}]])
    assert (report.connection, report.as_of, report.rows) == ("shop", AS_OF, {"orders": 3, "customers": 1})
    assert (report.set_aside, report.files, len(report.loads)) == (0, 2, 1)


def test_rows_know_their_load_and_their_place_in_it(lake, lands):
    loads = lands(orders=[[{"id": "b"}, {"id": "a"}], [{"id": "c"}]]).loads
    loads += lands(orders=[[{"id": "d"}]]).loads
    assert [(row["id"], row["_row"], row["_dlt_load_id"]) for row in landed(lake, "shop", "orders")] == [
        ("b", 1, loads[0]),
        ("a", 2, loads[0]),
        ("c", 3, loads[0]),
        ("d", 1, loads[1]),
    ]


def test_a_run_without_rows_makes_no_load(lake, lands):
    assert lands(orders=[], customers=[[]]).loads == ()
    assert lake.loads("shop") == []


def test_arrow_tables_batches_pages_and_single_rows_land_alike(lands, rows):
    table = pa.table({"id": [1]})
    lands(orders=[table, table.to_batches()[0], [{"id": 1}], {"id": 1}, [table, table]])
    assert rows("orders") == [{"id": 1}] * 6


def test_names_become_lower_case_with_underscores(lands, rows):
    lands(**{"Order Lines": [[{"Order No.": 1, "orderNo": 2, "Één": 3, "1st": 4, "": 5}]]})
    assert rows("order_lines") == [{"order_no": 1, "order_no_2": 2, "een": 3, "_1st": 4, "column": 5}]


def test_a_column_called_like_one_of_ours_gets_a_number(lake, lands):
    lands(orders=[[{"_row": "x", "_dlt_load_id": "y"}]])
    row = landed(lake, "shop", "orders")[0]
    assert (row["_row"], row["_row_2"], row["_dlt_load_id_2"]) == (1, "x", "y")


def test_values_keep_their_types(lake, lands, rows):
    values = {
        "text": "é 🐈",
        "whole": 2**53 + 1,
        "fraction": 0.1,
        "truth": True,
        "amount": Decimal("12.50"),
        "day": date(2025, 2, 28),
        "local": datetime.fromisoformat("2025-01-01 12:00"),
        "moment": datetime(2025, 1, 1, 12, tzinfo=UTC),
        "bytes": b"\x00\xff",
        "nested": '{"a":[1,null]}',
    }
    lands(things=[[{**values, "nested": {"a": [1, None]}}]])
    assert rows("things") == [values]
    assert lake.columns("shop", "things")["local"] == pa.timestamp("us")


def test_a_column_without_values_waits_for_its_first_one(lake, lands, rows):
    lands(orders=[[{"id": 1, "note": None}]])
    assert "note" not in lake.columns("shop", "orders")
    lands(orders=[[{"id": 2, "note": "x"}], [{"id": 3, "note": None}]])
    assert rows("orders") == [{"id": 1}, {"id": 2, "note": "x"}, {"id": 3}]


def test_a_value_of_another_type_sets_its_row_aside_as_it_came(lands, rows):
    lands(orders=[[{"id": 1, "at": date(2025, 1, 1)}]])
    report = lands(orders=[[{"id": 2, "at": "2025-02-28"}, {"id": "x", "at": "2025-02-30"}]])
    assert rows("orders") == [{"id": 1, "at": date(2025, 1, 1)}, {"id": 2, "at": date(2025, 2, 28)}]
    assert (report.rows, report.set_aside) == ({"orders": 1}, 1)
    assert rows(REJECTED) == [
        {
            "table_name": "orders",
            "reason": "id: text where the column holds numbers",
            "raw": '{"id":"x","at":"2025-02-30"}',
        }
    ]


def test_whole_numbers_may_come_to_hold_fractions(lake, lands, rows):
    lands(orders=[[{"total": 1}]])
    lands(orders=[[{"total": 2}], [{"total": 2.5}]])
    lands(orders=[[{"total": 3}]])
    assert rows("orders") == [{"total": 1}, {"total": 2}, {"total": 2.5}, {"total": 3}]
    assert lake.columns("shop", "orders")["total"] == pa.float64()


def test_a_page_with_mixed_types_lands_as_text(lands, rows):
    lands(orders=[[{"code": 1}, {"code": "x"}, {"code": True}]])
    assert rows("orders") == [{"code": "1"}, {"code": "x"}, {"code": "true"}]


def test_the_feedback_of_a_destination_lands_like_a_source(lake, tmp_path):
    class Mail(Destination):
        name = "mail"
        config_model = ConnectionConfig
        capabilities = Capabilities(channel="email")

        def check(self):
            return Check(True, "")

        def feedback(self):
            import dlt

            return [dlt.resource([{"event": "open"}], name="events")]

    report = land(lake, "mail", Mail(ConnectionConfig(), Place("mail", Path())), tmp_path / "work", AS_OF)
    assert report.rows == {"events": 1}


def test_a_plugin_without_any_resource_lands_nothing(lands, lake, tmp_path):
    class Silent(Destination):
        name = "silent"
        capabilities = Capabilities()

        def check(self):
            return Check(True, "")

    assert lands().loads == ()
    assert land(lake, "print", Silent(None, Place("print", Path())), tmp_path / "work", AS_OF).loads == ()
    assert (lake.completed("shop"), lake.completed("print")) == ({}, {})


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (TemporaryError("down", 0), TemporaryError, "^shop: down$"),
        (ConfigurationError("wrong password"), ConfigurationError, "^shop: wrong password$"),
        (PluginError("broken"), PluginError, "^shop: broken$"),
        (RejectedError("no"), RejectedError, "^no$"),
        (ConnectionResetError("anna@example.nl"), TemporaryError, r"^shop: the other side does not answer"),
        (
            ValueError("anna@example.nl"),
            PluginError,
            r"^shop: the plugin 'told' failed with ValueError at test_land.py:\d+",
        ),
    ],
)
def test_errors_name_the_connection_and_never_quote_a_row(lands, caplog, error, raised, message):
    with pytest.raises(raised, match=message) as caught:
        lands(orders=[[{"id": 1}], error])
    assert type(caught.value) is raised
    assert "anna@example.nl" not in str(caught.value) + caplog.text


def test_no_row_stays_behind_in_the_working_folder(lands, tmp_path):
    canary = "canary-0612345678"

    def found():
        return [
            path for path in (tmp_path / "work").rglob("*") if path.is_file() and canary.encode() in path.read_bytes()
        ]

    lands(orders=[[{"name": canary}]])
    assert found() == []
    with pytest.raises(PluginError):
        lands(orders=[[{"name": canary}], ValueError(canary)])
    lands(orders=[])
    assert found() == []


def test_a_lake_in_s3_is_written_and_read_like_a_folder(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hub")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3same")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import boto3

    boto3.client("s3").create_bucket(Bucket="company")
    lake = Lake("s3://company/lake")
    land(lake, "shop", Counting(2), tmp_path / "work", AS_OF)
    shutil.rmtree(tmp_path / "work")
    report = land(lake, "shop", Counting(3), tmp_path / "work", AS_OF)
    assert report.rows == {"numbers": 1}
    assert [len(load.files["numbers"]) for load in lake.loads("shop")] == [1, 1]
    assert all(
        path.startswith("s3://company/lake/raw_shop/numbers/") for path in lake.loads("shop")[0].files["numbers"]
    )
    assert lake.columns("shop", "numbers")["number"] == pa.int64()
    server.stop()


def test_a_temporary_failure_is_tried_again(lake, tmp_path, rows):
    source = Told(orders=[[{"id": 1}], TemporaryError("busy", retry_after=0)])

    class Recovering(Told):
        def resources(self):
            if self.runs == 1:
                self.tables = {"orders": [[{"id": 1}]]}
            return super().resources()

    recovering = Recovering(**source.tables)
    assert land(lake, "shop", recovering, tmp_path / "work", AS_OF).rows == {"orders": 1}
    assert recovering.runs == 2


def test_a_second_run_of_one_connection_is_refused_while_the_first_goes_on(lake, tmp_path):
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Told):
        def resources(self):
            inside.set()
            assert go_on.wait(20)
            return super().resources()

    first = threading.Thread(
        target=land, args=(lake, "shop", Slow(orders=[[{"id": 1}]]), tmp_path / "work", AS_OF), daemon=True
    )
    first.start()
    assert inside.wait(20)
    with pytest.raises(
        TemporaryError, match="shop: another run is landing this connection; wait until it has finished"
    ):
        land(lake, "shop", Told(orders=[]), tmp_path / "work", AS_OF)
    assert land(lake, "crm", Told(people=[[{"id": 1}]]), tmp_path / "work", AS_OF).rows == {"people": 1}
    go_on.set()
    first.join(20)
    assert [load.connection for load in lake.loads("shop")] == ["shop"]


def test_connections_land_side_by_side(lake, tmp_path):
    def run(connection):
        pages = [[{"from": connection, "id": number}] for number in range(20)]
        for _ in range(2):
            report = land(lake, connection, Told(one=pages, two=pages), tmp_path / "work", AS_OF)
            assert report.rows == {"one": 20, "two": 20}

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run, ["shop", "crm", "erp"]))
    for connection in ("shop", "crm", "erp"):
        assert {row["from"] for row in landed(lake, connection, "two")} == {connection}
        assert len(landed(lake, connection, "two")) == 40


def test_a_run_writes_nowhere_but_in_the_lake_and_its_working_folder(tmp_path, monkeypatch):
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    code = """
        import sys
        from pathlib import Path
        sys.path.insert(0, {tests!r})
        from test_land import AS_OF, Told, Lake, land
        land(Lake({root!r} + "/lake"), "shop", Told(orders=[[dict(id=1)]]), Path({root!r}) / "work", AS_OF)
    """
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DESTINATION__FILESYSTEM__BUCKET_URL": "/nowhere",
        "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    }
    script = textwrap.dedent(code).format(tests=str(Path(__file__).parent), root=str(tmp_path))
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path / "here", check=True)
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "here").iterdir()] == []
    assert len(landed(Lake(tmp_path / "lake"), "shop", "orders")) == 1


class Counting(Told):
    """A source with a cursor: it yields the numbers from its last one up to `upto`, in pages of one."""

    def __init__(self, upto):
        super().__init__()
        self.upto = upto

    def resources(self):
        import dlt

        @dlt.resource(name="numbers")
        def numbers():
            state = dlt.current.resource_state()
            for number in range(state.get("next", 0), self.upto):
                yield [{"number": number}]
                state["next"] = number + 1

        return [numbers]


KILLED = """
    import importlib, os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_land import AS_OF, Counting, Lake, land
    module, name, call, place = {point!r}
    owner = importlib.import_module(module)
    *classes, function = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    original, calls = getattr(owner, function), []

    def killed(*args, **options):
        calls.append(1)
        if len(calls) == call and place == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, function, killed)
    land(Lake({root!r} + "/lake"), "shop", Counting(6), Path({root!r}) / "work", AS_OF)
"""
POINTS = {
    "while reading": ("hub.stages.land.fit", "_fit", 2, "before"),
    "before the rows are kept": ("dlt.extract.extract", "Extract.commit_packages", 1, "before"),
    "before the cursor is kept": ("dlt.extract.extract", "Extract.commit_packages", 1, "after"),
    "before normalising": ("dlt.pipeline.pipeline", "Pipeline.normalize", 1, "before"),
    "before loading": ("dlt.pipeline.pipeline", "Pipeline.load", 1, "before"),
    "while copying": ("dlt.destinations.impl.filesystem.filesystem", "FilesystemLoadJob.run", 1, "before"),
    "after copying": ("dlt.destinations.impl.filesystem.filesystem", "FilesystemLoadJob.run", 1, "after"),
    "after the state": (
        "dlt.destinations.impl.filesystem.filesystem",
        "FilesystemClient._store_current_state",
        1,
        "after",
    ),
    "after the load record": (
        "dlt.destinations.impl.filesystem.filesystem",
        "FilesystemClient._store_load",
        1,
        "after",
    ),
    "after everything": ("dlt.pipeline.pipeline", "Pipeline.run", 1, "after"),
}


@pytest.mark.parametrize(
    ("point", "machine"),
    [(point, "same") for point in POINTS]
    + [
        (point, "new")
        for point in ("before the cursor is kept", "after copying", "after the state", "after everything")
    ],
)
def test_a_kill_loses_nothing_and_doubles_nothing(tmp_path, point, machine):
    lake, work = Lake(tmp_path / "lake"), tmp_path / "work"
    land(lake, "shop", Counting(3), work, AS_OF)
    script = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parent), point=POINTS[point], root=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    before = [row["number"] for row in landed(lake, "shop", "numbers")]
    assert before in ([0, 1, 2], [0, 1, 2, 3, 4, 5])
    if machine == "new":  # the working folder is gone, the lake is there
        shutil.rmtree(work)
    land(lake, "shop", Counting(6), work, AS_OF)
    assert [row["number"] for row in landed(lake, "shop", "numbers")] == [0, 1, 2, 3, 4, 5]
    land(lake, "shop", Counting(7), work, AS_OF)
    assert [row["number"] for row in landed(Lake(tmp_path / "lake"), "shop", "numbers")] == [0, 1, 2, 3, 4, 5, 6]
