"""Every example of docs/rest.md is a configuration that the plugin takes."""

import re
from pathlib import Path

import pytest
import yaml

from plugins.sources.rest import RestConfig

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=[text.split(":")[0] for text in EXAMPLES])
def test_the_example_is_taken_as_it_stands(text: str) -> None:
    (connection,) = yaml.safe_load(text).values()
    assert RestConfig.model_validate(connection).url.startswith("https://")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4
