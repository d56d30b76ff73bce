"""Personalised catalogues through the destination `print`, against a plain loop over Typst.

Size counts letters. Each has a cover and seven pages of its own choice out of forty products, with a picture, a text
and a price. The hub sets them, a PDF each, puts them into a folder with the manifest and gives a result for each. The
reference compiles the same template once for each letter and writes the file. Both must come to the same letters of as
many pages.

Besides: the same with KIX and both manifests, all letters of a batch in one PDF, and a tenth of the letters, for the
peak of memory.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Cost, Result, beyond_startup, must_agree, python

PROMISED_LETTERS_PER_SECOND = 50
BATCH = 100
PAGES = 8
PRODUCTS = 40
AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEXT = "Stevig speelgoed voor de kat, dat lang meegaat, niet piept en in de wasmachine kan. " * 6
CATALOGUE = """Beste #data.salutation,

Dit kozen wij voor u.
#for product in data.products [
  #pagebreak()
  = #product.name
  #asset(product.picture, width: 8cm)
  #product.text

  *#sym.euro #product.price*
]
"""


def run(size: int, folder: Path) -> Result:
    """Set and put the letters on both sides; `more` has the letters per second."""
    shutil.rmtree(folder, ignore_errors=True)
    draw(folder / "assets")
    print(f"setting {size} catalogues of {PAGES} pages ...", flush=True)
    hub, loop = (_cost(side, size, folder) for side in ("hub", "loop"))
    must_agree(_made(folder / "hub"), _made(folder / "loop"))
    print("with KIX and both manifests; all letters of a batch in one PDF; a tenth ...", flush=True)
    full, batch = _cost("full", size, folder), _cost("batch", size, folder)
    tenth = cost("hub", max(1, size // 10), folder / "tenth", folder)
    shutil.rmtree(folder)
    return Result(
        "print",
        size,
        hub.cpu_seconds,
        loop.cpu_seconds,
        hub.peak_mib,
        {
            "letters_per_cpu_second": round(size / hub.cpu_seconds, 1),
            "letters_per_second": round(size / hub.wall_seconds, 1),
            "promised_letters_per_second": PROMISED_LETTERS_PER_SECOND,
            "reference_letters_per_cpu_second": round(size / loop.cpu_seconds, 1),
            "full_letters_per_cpu_second": round(size / full.cpu_seconds, 1),
            "batch_letters_per_cpu_second": round(size / batch.cpu_seconds, 1),
            "batch_peak_mib": round(batch.peak_mib, 1),
            "tenth_peak_mib": round(tenth.peak_mib, 1),
        },
    )


def _cost(side: str, size: int, folder: Path) -> Cost:
    return beyond_startup(cost(side, size, folder / side, folder), cost(side, 1, folder / f"{side}-one", folder))


def cost(side: str, size: int, target: Path, folder: Path, batch: int = BATCH) -> Cost:
    """Measure one side, with the pictures that `draw` left in the folder's `assets`."""
    return python("-m", "bench.benchmarks.print", side, str(size), target, folder / "assets", str(batch))


def _made(folder: Path) -> dict[str, int]:
    from pypdf import PdfReader

    letters = sorted(folder.glob("*.pdf"))
    return {"letters": len(letters), "pages": sum(len(PdfReader(path).pages) for path in letters[:: BATCH // 2])}


def draw(folder: Path) -> None:
    """Draw a picture per product, of 240 by 160 points that hardly compress."""
    folder.mkdir(parents=True)
    for number in range(PRODUCTS):
        chance = random.Random(number)
        lines = b"".join(b"\0" + chance.randbytes(240 * 3) for _ in range(160))
        parts = ((b"IHDR", struct.pack(">IIBBBBB", 240, 160, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(lines, 1)))
        written = b"\x89PNG\r\n\x1a\n"
        for kind, content in (*parts, (b"IEND", b"")):
            checked = kind + content
            written += struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
        (folder / f"{number}.png").write_bytes(written)


def _chosen(number: int) -> dict[str, Any]:
    """Give what letter `number` shows."""
    chosen = random.Random(number).sample(range(PRODUCTS), PAGES - 1)
    products = [{"name": f"Product {it}", "picture": f"{it}.png", "text": TEXT, "price": f"{it},95"} for it in chosen]
    return {"salutation": f"mevrouw Van der Valk {number}", "products": products}


# in child processes --------------------------------------------------------------------------------------------------


def send(size: int, target: Path, assets: Path, settings: Mapping[str, Any]) -> None:
    """Send the letters by the destination, batch by batch."""
    from hub.contracts import Message, Place, PostalRecipient
    from plugins.destinations.print import Print
    from plugins.destinations.print.config import PrintConfig

    config = PrintConfig.model_validate({"folder": str(target), "assets": str(assets), **settings})
    destination = Print(config, Place("printer", target.parent))
    for start in range(0, size, config.batch_size):
        batch = [
            Message(
                f"letter-{number:06}",
                "letter",
                PostalRecipient(
                    f"Mevrouw {number}", "Keizerstraat", str(number % 99 + 1), "", "c", "2583XL", "Den Haag"
                ),
                {"typst": CATALOGUE},
                AS_OF,
                data=_chosen(number),
            )
            for number in range(start, min(size, start + config.batch_size))
        ]
        assert {result.status for result in destination.send(batch)} == {"accepted"}


def compile_each(size: int, target: Path, assets: Path) -> None:
    """Compile a file that reads its values, once for each letter."""
    import typst

    target.mkdir(parents=True)
    (target / "assets").symlink_to(assets.resolve())
    address = "#json(bytes(sys.inputs.address)).join(linebreak())\n#v(4cm)\n"
    head = '#let data = json(bytes(sys.inputs.data))\n#let asset(name, ..it) = image("assets/" + name, ..it)\n'
    (target / "letter.typ").write_text(head + '#set page(paper: "a4", margin: 25mm)\n' + address + CATALOGUE, "utf-8")
    compiler = typst.Compiler(input=target / "letter.typ", root=target, ignore_system_fonts=True)
    for number in range(size):
        lines: Sequence[str] = (f"Mevrouw {number}", f"Keizerstraat {number % 99 + 1} c", "2583 XL  DEN HAAG")
        values = {"data": json.dumps(_chosen(number)), "address": json.dumps(lines)}
        pdf = compiler.compile(format="pdf", sys_inputs=values, timestamp=AS_OF)
        assert isinstance(pdf, bytes)
        (target / f"letter-{number:06}.pdf").write_bytes(pdf)


SETTINGS: dict[str, Mapping[str, Any]] = {
    "hub": {},
    "full": {"kix": True, "manifest": ["csv", "xml"]},
    "batch": {"files": "batch"},
}

if __name__ == "__main__":
    side, size, target, assets, batch = sys.argv[1:]
    if side == "loop":
        compile_each(int(size), Path(target), Path(assets))
    else:
        send(int(size), Path(target), Path(assets), {"batch_size": int(batch), **SETTINGS[side]})
