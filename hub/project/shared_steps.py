"""steps/*.yaml: steps that several scenarios share. `use: NAME` in a scenario stands for them.

They are written out where they are used, before anything looks at the scenario: its versions, checks and drawings know
no difference, and a change of shared steps is a change of every scenario that uses them. What is wrong in them is
told with their own place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from hub.errors import Problem, suggest
from hub.project.models import Form
from hub.project.scenario import USE, If, Split, Step
from hub.project.yaml import Document, KeyPath

LISTS = ("steps", "then", "else")
"""The keys under which steps stand."""


class SharedSteps(Form):
    """steps/*.yaml: steps that scenarios share; `use: NAME` in one stands for them."""

    shared_steps: str = Field(description="Their name, in one word: `use` names it.")
    steps: list[Step] = Field(min_length=1, description="What happens, one after the other; no `use` among them.")


SharedSteps.model_rebuild(_types_namespace={"If": If, "Split": Split})


class Use(Form):
    """Do the steps of a file in steps/."""

    use: str = Field(description="The name of shared steps.")


def written_out(document: Document, shared: Mapping[str, Document]) -> tuple[Document, list[Problem]]:
    """Put shared steps in the place of each `use` of a scenario's document; the list says what is wrong with one."""
    writing = _Writing(document, shared)
    value = writing.out(document.value, (), ())
    stood = writing.stood
    whole = replace(
        document,
        value=value,
        keys={now: document.keys[before] for now, before in stood.items() if before in document.keys},
        values={now: document.values[before] for now, before in stood.items() if before in document.values},
        quoted={now: document.quoted[before] for now, before in stood.items() if before in document.quoted},
        taken_in=writing.taken_in,
    )
    return whole, writing.problems


@dataclass
class _Writing:
    """A document that is written anew; `stood` says where each part stood before."""

    document: Document
    shared: Mapping[str, Document]
    stood: dict[KeyPath, KeyPath] = field(default_factory=dict)
    taken_in: dict[KeyPath, tuple[Document, KeyPath]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def out(self, value: Any, before: KeyPath, now: KeyPath) -> Any:
        """Write a value that stood at one place at another."""
        self.stood[now] = before
        if isinstance(value, dict):
            return {key: self.out(entry, (*before, key), (*now, key)) for key, entry in value.items()}
        if not isinstance(value, list):
            return value
        written: list[Any] = []
        for number, entry in enumerate(value):
            if before[-1:] and before[-1] in LISTS and isinstance(entry, dict) and USE in entry:
                written += self._shared(entry, (*before, number), (*now, len(written)))
            else:
                written.append(self.out(entry, (*before, number), (*now, len(written))))
        return written

    def _shared(self, entry: Mapping[Any, Any], before: KeyPath, now: KeyPath) -> list[Any]:
        name = str(entry[USE])
        if len(entry) > 1:
            message = f"`{USE}` stands alone: what its steps do is said where they are written"
            self.problems.append(self.document.at_key(before, message))
        elif name not in self.shared:
            message = f"there are no shared steps '{name}' in steps/.{suggest(name, self.shared)}"
            self.problems.append(self.document.at_value((*before, USE), message))
        else:
            steps = self.shared[name].value["steps"]
            for number in range(len(steps)):
                self.taken_in[*now[:-1], int(now[-1]) + number] = self.shared[name], ("steps", number)
            return list(steps)
        return []
