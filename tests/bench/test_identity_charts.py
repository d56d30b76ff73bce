"""The charts of the identity benchmark show what its lines say."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from bench.identity.charts import GROWTH, QUALITY, draw, growth_chart


def result(size: int) -> dict[str, float]:
    f1 = {key: 0.9 for _, *keys in QUALITY for key in keys}
    return {"size": size, "promised_f1": 0.985, **f1, **{key: size / 1000 for _, key, *_ in GROWTH}}


def test_one_bar_per_answer_and_one_line_per_cost(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    told = ["generating ...", *(json.dumps(result(size)) for size in (100_000, 30_000))]
    lines.write_text("\n".join(told), "utf-8")
    draw(lines, tmp_path / "charts")
    quality, growth = (
        ElementTree.parse(tmp_path / "charts" / name).getroot() for name in ("quality.svg", "growth.svg")
    )
    words = [element.text for element in quality.iter() if element.text]
    assert words.count("0.900") == 2 * len(QUALITY)
    assert "FEBRL" in words
    dots = [element for element in growth.iter() if element.tag.endswith("circle")]
    assert len(dots) == 2 * len(GROWTH)
    assert {"30k", "100k"} <= {element.text for element in growth.iter()}


def test_splink_stands_at_the_people_that_it_was_given() -> None:
    one = growth_chart([result(100_000), {**result(1_000_000), "splink_persons": 500_000, "splink_cpu_seconds": 900}])
    dots = [element.attrib for element in ElementTree.fromstring(one).iter() if element.tag.endswith("circle")]
    splinks, most = dots[-1]["cx"], max(float(dot["cx"]) for dot in dots)
    assert abs(float(splinks) - (60 + most) / 2) < 1


def test_a_line_that_lacks_splink_is_drawn_without_it(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    few = {key: value for key, value in result(1_000_000).items() if "splink" not in key}
    lines.write_text("\n".join(json.dumps(line) for line in (result(100_000), few)), "utf-8")
    draw(lines, tmp_path)
    growth = ElementTree.parse(tmp_path / "growth.svg").getroot()
    dots = [element for element in growth.iter() if element.tag.endswith("circle")]
    assert len(dots) == 2 * len(GROWTH) - 1
    assert {"100k", "1000k"} <= {element.text for element in growth.iter()}
    assert (tmp_path / "quality.svg").exists()
