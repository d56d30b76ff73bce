"""print into real folders and a real SFTP server."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError
from pypdf import PdfReader

from hub.contracts import EmailRecipient, Message, Place
from hub.errors import ConfigurationError, RejectedError
from hub.lake import REJECTED
from hub.testing.destinations import DestinationSuite, closed_port
from hub.testing.sources import Landing
from plugins.destinations.print import Print
from plugins.destinations.print.config import PrintConfig
from plugins.destinations.print.letters import BrokenOffError, Typesetter
from tests.plugins.destinations.letters import ANNA, LUC, letter, make, rows_of, text_of

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


class TestPrintIntoAFolder(DestinationSuite):
    plugin = Print

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"folder": "out/letters"}

    @pytest.fixture
    def unreachable(self, project: Path) -> Mapping[str, Any]:
        (project / "a-file").write_text("no folder")
        return {"folder": "a-file/letters"}

    @pytest.fixture
    def taken(self, project: Path) -> Callable[[], Sequence[str]]:
        return lambda: [path.stem for path in (project / "out/letters").glob("*.pdf")]


class TestPrintInOneFile(TestPrintIntoAFolder):
    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"folder": "out/letters", "files": "batch"}


class OldFashioned(asyncssh.SFTPServer):
    """An SFTP server that can't rename over a file, as old ones can't."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("no such extension")

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        if Path(self.map_path(newpath).decode()).exists():
            raise asyncssh.SFTPFailure("it exists")
        super().posix_rename(oldpath, newpath)


@dataclass(frozen=True)
class SftpServer:
    port: int
    root: Path
    host_key: str
    client_key: str


@pytest.fixture
def sftp(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SftpServer]:
    """An SFTP server whose folder is <root>/drop; the account is printer with the password kattenluik, or a key."""
    root = tmp_path / "sftp"
    (root / "drop").mkdir(parents=True)
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    kind = getattr(request, "param", asyncssh.SFTPServer)

    class Login(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("printer", "kattenluik")

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == "printer" and key.public_data == client_key.public_data

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        def chrooted(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
            return kind(channel, chroot=str(root).encode())

        return await asyncssh.create_server(Login, "127.0.0.1", 0, server_host_keys=[host_key], sftp_factory=chrooted)

    async def close(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        await acceptor.wait_closed()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    public, private = host_key.export_public_key().decode(), client_key.export_private_key().decode()
    yield SftpServer(acceptor.get_port(), root, public, private)
    asyncio.run_coroutine_threadsafe(close(acceptor), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def sftp_config(sftp: SftpServer, **changes: Any) -> dict[str, Any]:
    return {
        "folder": f"sftp://printer@127.0.0.1:{sftp.port}/drop",
        "password": "kattenluik",
        "host_key": sftp.host_key,
        "timeout": 10,
        **changes,
    }


class TestPrintOverSftp(DestinationSuite):
    plugin = Print
    server_loggers = ("asyncssh",)

    @pytest.fixture
    def config(self, sftp: SftpServer) -> Mapping[str, Any]:
        return sftp_config(sftp)

    @pytest.fixture
    def unreachable(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**config, "folder": f"sftp://printer@127.0.0.1:{closed_port()}/drop"}

    @pytest.fixture
    def taken(self, sftp: SftpServer) -> Callable[[], Sequence[str]]:
        return lambda: [path.stem for path in (sftp.root / "drop").glob("*.pdf")]


# what a letter looks like ---------------------------------------------------------------------------------------------


def test_a_letter_shows_the_address_and_the_values(tmp_path: Path) -> None:
    (result,) = make(tmp_path, return_address="Retour: Kattenkade 1, 1011 AB Amsterdam").send([letter()])
    (page,) = text_of(tmp_path / "drop" / result.remote_id)
    lines = [line.replace("\u00a0", " ") for line in page.splitlines()]
    assert lines[:4] == [
        "Retour: Kattenkade 1, 1011 AB Amsterdam",
        "Mevrouw A. van der Valk",
        "Keizerstraat 103 c",
        "2583 XL  SCHEVENINGEN",
    ]
    assert "Beste mevrouw Van der Valk," in lines
    assert "Welkom bij Mia(ou)m." in lines


def test_a_letter_to_belgium_names_box_and_country(tmp_path: Path) -> None:
    (result,) = make(tmp_path).send([letter(to=LUC)])
    (page,) = text_of(tmp_path / "drop" / result.remote_id)
    assert page.splitlines()[:4] == ["De heer L. Peeters", "Nieuwstraat 12 bus 3", "1000 BRUSSEL", "BELGIË"]


def place_of(path: Path, words: str) -> tuple[float, float]:
    """Where words stand on the first page, in millimetres from its left and upper edge."""
    found: list[tuple[float, float]] = []
    page = PdfReader(path).pages[0]

    def visit(text: str, matrix: Any, text_matrix: Any, *_: Any) -> None:
        if words in text:
            x = matrix[0] * text_matrix[4] + matrix[2] * text_matrix[5] + matrix[4]
            y = matrix[1] * text_matrix[4] + matrix[3] * text_matrix[5] + matrix[5]
            found.append((x * 25.4 / 72, (float(page.mediabox.height) - y) * 25.4 / 72))

    page.extract_text(visitor_text=visit)
    return found[0]


@pytest.mark.parametrize(("window", "left"), [("left", 25), ("right", 110)])
def test_the_address_stands_in_the_window(tmp_path: Path, window: str, left: float) -> None:
    (result,) = make(tmp_path, window=window).send([letter()])
    x, y = place_of(tmp_path / "drop" / result.remote_id, "Mevrouw A.")
    assert x == pytest.approx(left, abs=0.5)
    assert 50 < y < 56


def test_values_never_become_markup(tmp_path: Path) -> None:
    hostile = '#panic("x") #read("/etc/passwd") *bold* $x^2$ [ ] \\ "'
    to = replace(ANNA, name=hostile)
    (result,) = make(tmp_path).send([letter(to=to, salutation=hostile)])
    (page,) = text_of(tmp_path / "drop" / result.remote_id)
    assert result.status == "accepted"
    flat = " ".join(page.split())
    assert flat.count('#read("/etc/passwd") *bold* $x^2$') + flat.count("#read(“/etc/passwd”) *bold* $x^2$") == 2


def test_a_letter_shows_pictures_of_the_project_and_nothing_else_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "templates/assets").mkdir(parents=True)
    (tmp_path / "templates/assets/logo.svg").write_text(PICTURE)
    (tmp_path / "secret.svg").write_text(PICTURE)
    shown, hidden = make(tmp_path).send(
        [letter(1, source='#asset("logo.svg", width: 2cm)'), letter(2, source='#asset("../../secret.svg")')]
    )
    assert (shown.status, hidden.status) == ("accepted", "rejected")
    assert "escape the project root" in hidden.reason


@pytest.mark.parametrize("files", ["letter", "batch"])
def test_a_template_sees_the_values_of_its_own_letter_only(tmp_path: Path, files: str) -> None:
    source = "#json(bytes(sys.inputs.data)).nickname\n\n#repr(sys.inputs)"
    results = make(tmp_path, files=files).send([letter(1, source=source, nickname="Noor"), letter(2, nickname="Teun")])
    page = text_of(tmp_path / "drop" / results[0].remote_id)[0]
    assert page.count("Noor") == 2
    assert "Teun" not in page


def test_a_letter_set_again_gives_the_same_bytes(tmp_path: Path) -> None:
    (result,) = make(tmp_path / "a").send([letter()])
    make(tmp_path / "b").send([letter()])
    first = (tmp_path / "a/drop" / result.remote_id).read_bytes()
    assert first == (tmp_path / "b/drop" / result.remote_id).read_bytes()


# the drop -------------------------------------------------------------------------------------------------------------


def test_a_letter_is_previewed_as_it_would_be_set_and_goes_nowhere(tmp_path: Path) -> None:
    message, destination = letter(), make(tmp_path)
    files = destination.preview(message)
    assert list(files) == ["letter.pdf"]
    assert not (tmp_path / "drop").exists()
    (result,) = destination.send([message])
    assert (tmp_path / "drop" / result.remote_id).read_bytes() == files["letter.pdf"]


def test_each_letter_has_a_file_of_its_own_and_a_place_in_the_manifest(tmp_path: Path) -> None:
    results = make(tmp_path).send([letter(1), letter(2, to=replace(LUC, street='"De +31", straat'))])
    assert [result.remote_id for result in results] == ["sample-letter-0001.pdf", "sample-letter-0002.pdf"]
    (manifest,) = (tmp_path / "drop").glob("*.csv")
    first, second = rows_of(manifest)
    assert first["file"] == "sample-letter-0001.pdf"
    assert (first["postcode"], first["house_number"], first["house_addition"]) == ("2583XL", "103", "c")
    assert second["street"] == '"De +31", straat'
    assert not list((tmp_path / "drop").glob(".*"))


def test_a_batch_may_be_one_file_whose_manifest_says_where_each_letter_begins(tmp_path: Path) -> None:
    long = "Lang.\n#pagebreak()\nVervolg."
    results = make(tmp_path, files="batch").send([letter(1, source=long), letter(2), letter(3)])
    (pdf,) = (tmp_path / "drop").glob("*.pdf")
    (manifest,) = (tmp_path / "drop").glob("*.csv")
    assert pdf.stem == manifest.stem
    assert {result.remote_id for result in results} == {pdf.name}
    assert [row["first_page"] for row in rows_of(manifest)] == ["1", "3", "4"]
    assert len(text_of(pdf)) == 4
    assert "Mevrouw A. van der Valk" in text_of(pdf)[2]


def test_a_batch_sent_again_replaces_its_own_files(tmp_path: Path) -> None:
    for _ in range(2):
        make(tmp_path, files="batch").send([letter(1), letter(2)])
    assert len(list((tmp_path / "drop").iterdir())) == 2


def test_a_message_id_becomes_a_file_name_that_stays_in_the_drop(tmp_path: Path) -> None:
    (result,) = make(tmp_path).send([replace(letter(), id="../welcome/1")])
    assert (tmp_path / "drop" / result.remote_id).is_file()
    assert result.remote_id == "..%2Fwelcome%2F1.pdf"


@pytest.mark.parametrize("files", ["letter", "batch"])
def test_a_template_that_fails_for_one_letter_does_not_keep_the_others(tmp_path: Path, files: str) -> None:
    needy = letter(2, source="Beste #data.nickname")
    results = make(tmp_path, files=files).send([letter(1), needy, letter(3)])
    assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
    assert results[1].reason == 'the letter\'s template: dictionary does not contain key "nickname"'


@pytest.mark.parametrize("files", ["letter", "batch"])
def test_a_template_that_takes_too_much_or_reaches_out_is_stopped_and_the_others_go(tmp_path: Path, files: str) -> None:
    hostile = {
        "#range(2000000000).len()": "it breaks Typst, or takes more than 2048 MB of memory",
        "#for i in range(300) [#pagebreak()]": "it makes more than 200 pages",
        "#while true {}": "condition is always true",
        '#import ("@pre" + "view/cetz:0.3.1")': "failed to download package",
        '#read("/etc/passwd")': "file not found",
    }
    messages = [letter(number, source=source) for number, source in enumerate(hostile, 2)]
    results = make(tmp_path, files=files).send([letter(1), *messages, letter(9)])
    assert [result.status for result in results] == ["accepted", *["rejected"] * len(hostile), "accepted"]
    for result, reason in zip(results[1:-1], hostile.values(), strict=True):
        assert result.reason.startswith(f"the letter's template: {reason}")
    with pytest.raises(RejectedError, match="breaks Typst"):
        make(tmp_path).preview(messages[0])


def test_a_template_that_breaks_letter_after_letter_leaves_the_others_to_the_next_attempt(tmp_path: Path) -> None:
    endless = [letter(number, source="#range(2000000000).len()") for number in range(5)]
    assert [result.status for result in make(tmp_path).send(endless)] == ["rejected"] * 3 + ["later"] * 2


def test_a_template_without_an_end_is_stopped_and_the_next_letter_is_set(tmp_path: Path) -> None:
    (tmp_path / "frame.typ").write_text(
        "#eval(sys.inputs.source)#metadata((page: 1))<letter>#metadata(1)<end>", "utf-8"
    )
    with closing(Typesetter(tmp_path)) as typesetter:
        rounds = "for i in range(9000) {for j in range(9000) {for k in range(9000) {}}}"
        with pytest.raises(BrokenOffError, match="more than 1 seconds of the processor's time"):
            typesetter.set({"source": rounds}, 0, seconds=1)
        assert typesetter.set({"source": "[Dag]"}, 0, seconds=60)[1].startswith(b"%PDF")


def test_letters_whose_manifest_lies_there_in_one_form_already_are_unknown(tmp_path: Path) -> None:
    make(tmp_path, folder="elsewhere").send([letter(1), letter(2)])
    (manifest,) = (tmp_path / "elsewhere").glob("*.csv")
    (tmp_path / "drop" / manifest.with_suffix(".xml").name).mkdir(parents=True)
    results = make(tmp_path, manifest=["csv", "xml"]).send([letter(1), letter(2)])
    assert [result.status for result in results] == ["unknown", "unknown"]
    assert "the printer may have their manifest" in results[0].reason
    (tmp_path / "drop" / manifest.name).unlink()
    (tmp_path / "drop" / manifest.name).mkdir()
    results = make(tmp_path).send([letter(1), letter(2)])
    assert [result.status for result in results] == ["later", "later"], "nothing announces them"


def test_letters_that_can_not_share_a_file_wait_and_say_why(tmp_path: Path) -> None:
    alone = '#set heading(numbering: "1")\n= Aanbod <offer>\nZie @offer.'
    results = make(tmp_path, files="batch").send([letter(1, source=alone), letter(2, source=alone)])
    assert [result.status for result in results] == ["later", "later"]
    assert "`files: letter` keeps them apart" in results[0].reason
    (result,) = make(tmp_path).send([letter(1, source=alone)])
    assert result.status == "accepted"


def test_a_reason_does_not_repeat_the_values(tmp_path: Path) -> None:
    (result,) = make(tmp_path).send([letter(source="#panic(data.salutation)")])
    assert result.status == "rejected"
    assert "Valk" not in result.reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (letter(to=replace(ANNA, street="")), "no street"),
        (letter(to=replace(ANNA, postcode="1234SS")), "the postcode is not valid in NL"),
        (letter(to=replace(ANNA, name=" ")), "no name of a recipient"),
        (letter(source=" "), "it has no text"),
        (replace(letter(), recipient=EmailRecipient("anna@example.nl")), "the recipient has no postal address"),
    ],
)
def test_a_letter_that_would_not_arrive_is_rejected_with_the_reason(
    tmp_path: Path, message: Message, reason: str
) -> None:
    (result,) = make(tmp_path).send([message])
    assert (result.status, result.reason) == ("rejected", reason)
    assert not (tmp_path / "drop").exists()


# sftp -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sftp", [asyncssh.SFTPServer, OldFashioned], indirect=True)
def test_letters_go_over_sftp_and_replace_their_own_files(tmp_path: Path, sftp: SftpServer) -> None:
    destination = make(tmp_path, **sftp_config(sftp))
    for _ in range(2):
        (result,) = destination.send([letter()])
        assert (result.status, result.reason) == ("accepted", "")
    names = sorted(path.name for path in (sftp.root / "drop").iterdir())
    assert len(names) == 2
    assert names[1] == "sample-letter-0001.pdf"
    assert "SCHEVENINGEN" in text_of(sftp.root / "drop" / names[1])[0]


def test_an_account_may_have_a_key_instead_of_a_password(tmp_path: Path, sftp: SftpServer) -> None:
    destination = make(tmp_path, **sftp_config(sftp, password=None, key=sftp.client_key))
    assert destination.check().ok, destination.check().message
    (result,) = destination.send([letter()])
    assert (result.status, result.reason) == ("accepted", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": None, "key": "no key"}, "key: this is no private key"),
        ({"host_key": "ssh-ed25519 AAAA"}, "host_key: this is no public key"),
    ],
)
def test_a_key_that_is_none_is_a_mistake_in_the_configuration(
    tmp_path: Path, sftp: SftpServer, changes: dict[str, Any], message: str
) -> None:
    destination = make(tmp_path, **sftp_config(sftp, **changes))
    assert message in destination.check().message
    with pytest.raises(ConfigurationError, match=message):
        destination.send([letter()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "hondenmand"}, "refuses the name, the password or the key"),
        ({"folder": "nowhere"}, "No such file"),
    ],
)
def test_a_drop_that_can_not_be_used_says_why(
    tmp_path: Path, sftp: SftpServer, changes: dict[str, str], message: str
) -> None:
    if "folder" in changes:
        changes = {"folder": f"sftp://printer@127.0.0.1:{sftp.port}/{changes['folder']}"}
    destination = make(tmp_path, **sftp_config(sftp, **changes))
    check = destination.check()
    (result,) = destination.send([letter()])
    assert not check.ok
    assert message in check.message
    assert result.status == "later"
    assert message in result.reason
    assert "hondenmand" not in check.message + result.reason


def test_another_server_in_its_place_gets_no_letters(tmp_path: Path, sftp: SftpServer) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (result,) = make(tmp_path, **sftp_config(sftp, host_key=other)).send([letter()])
    assert result.status == "later"
    assert "its host key is another one" in result.reason
    assert list((sftp.root / "drop").iterdir()) == []


def test_a_server_that_nobody_vouches_for_gets_no_letters(tmp_path: Path, sftp: SftpServer) -> None:
    (result,) = make(tmp_path, **sftp_config(sftp, host_key=None)).send([letter()])
    assert result.status == "later"
    assert "write it as `host_key`" in result.reason


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folder": "ftp://printer@host/drop"}, "a folder or sftp://"),
        ({"folder": "sftp://host/drop", "password": "x"}, "write sftp://user@host/path"),
        ({"folder": "sftp://user:pw@host/drop"}, "not into the address"),
        ({"folder": "sftp://user@host/drop"}, "needs `password` or `key`"),
        ({"folder": "drop", "password": "x"}, "for sftp:// only"),
        ({"folder": "sftp://user@host/drop", "password": "x", "host_key": "AAAA"}, "write type and key"),
    ],
)
def test_a_mistake_in_the_configuration_says_how_to_mend_it(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PrintConfig.model_validate(settings)


def test_only_letters_with_files_of_their_own_can_be_sent_again() -> None:
    assert make(Path(), kept_for="2 days").capabilities.idempotency_window == timedelta(days=2)
    assert make(Path(), files="batch").capabilities.idempotency_window is None


# what the printer and the post report


REPORT = "id;status;datum;reden\r\nm1;Retour;05-03-2026;verhuisd\r\nm2;bezorgd;2026-03-04T09:30:00;\r\n"
DUTCH = {"at": "datum", "reason": "reden", "words": {"verzonden": "sent", "bezorgd": "delivered", "retour": "bounced"}}


def reported(config: Mapping[str, Any], folder: Path) -> Landing:
    return Landing(Print(PrintConfig.model_validate(config), Place("tested", folder)), folder / "hub")


def test_returned_and_delivered_letters_are_read_once(tmp_path: Path) -> None:
    landing = reported({"folder": "out", "returns": {"folder": "back", **DUTCH}}, tmp_path)
    assert landing.run().loads == ()
    (tmp_path / "back").mkdir()
    (tmp_path / "back/maart.csv").write_text(REPORT, encoding="utf-8-sig")
    (tmp_path / "back/.april.csv.part").write_text("id;sta")
    assert landing.run().rows == {"returns": 2}
    assert [(row["message_key"], row["type"], row["at"]) for row in landing.rows("returns")] == [
        ("m1", "bounced", "2026-03-05"),
        ("m2", "delivered", "2026-03-04T09:30:00"),
    ]
    assert landing.run().loads == ()


def test_a_report_that_grew_brings_the_same_events_under_the_same_names(tmp_path: Path) -> None:
    landing = reported({"folder": "out", "returns": {"folder": "back", **DUTCH}}, tmp_path)
    (tmp_path / "back").mkdir()
    file = tmp_path / "back/maart.csv"
    file.write_text(REPORT)
    landing.run()
    file.write_text(REPORT + "m3;verzonden;06-03-2026;\r\n")
    assert landing.run().rows == {"returns": 3}
    assert len({row["event_id"] for row in landing.rows("returns")}) == 3


def test_a_line_that_cannot_be_read_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    landing = reported({"folder": "out", "returns": {"folder": "back"}}, tmp_path)
    (tmp_path / "back").mkdir()
    lines = ("id,status,date", "m1,returned,2026-02-30", "m2,eaten,2026-03-01", ",returned,2026-03-01")
    (tmp_path / "back/maart.csv").write_text("\n".join([*lines, "m4,returned,2026-03-01"]))
    (tmp_path / "back/april.csv").write_text('id,status,date\nm5,"' + "returned,2026-03-01\n" * 9_000)
    landing.run()
    assert [row["message_key"] for row in landing.rows("returns")] == ["m4"]
    reasons = " | ".join(row["reason"] for row in landing.rows(REJECTED))
    assert "no date such as" in reasons
    assert "say in `words` what it means" in reasons
    assert "no id, status or date" in reasons
    assert "the file can't be read on from here: field larger than field limit" in reasons


def test_reports_lie_beside_the_drop_on_the_printers_server(sftp: SftpServer, tmp_path: Path) -> None:
    (sftp.root / "returns").mkdir()
    (sftp.root / "returns/maart.csv").write_text("id,status,date\nm1,returned,2026-03-05\n")
    landing = reported(sftp_config(sftp, returns={}), tmp_path)
    assert landing.run().rows == {"returns": 1}
    assert landing.run().loads == ()
