"""Look-up `kvk`: what the Dutch business register (KVK Handelsregister) knows about organisations.

    kvk: {plugin: kvk, key: "${KVK_KEY}", per_month: 2000}

An organisation is asked for by its KVK number; where that is missing, by branch number, by name and address, or by name
and town. A question takes one to three requests: a search or the branch (unless the number is known), the basic
profile, and the list of branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from hub.contracts import Check, Finding, Lookup, LookupLimits, Proof, Question
from hub.errors import HubError, RejectedError, TemporaryError
from hub.hookspecs import hookimpl
from plugins.sources.kvk.config import KvkConfig
from plugins.sources.kvk.profile import COLUMNS, row_of
from plugins.sources.kvk.register import Register
from plugins.sources.kvk.search import branch_of, find

if TYPE_CHECKING:
    from hub.contracts import Plugin

_FAILURES = 3
"""After so many questions in a row that the register has no answer for now, the rest waits for a next run."""


class Kvk(Lookup):
    """Searches for a registration and reads its basic profile."""

    name = "kvk"
    summary = "The Dutch business register: number, names, sector, size, address, objection to post."
    config_model = KvkConfig
    proven = (
        Proof(
            "played contract",
            "its published contract",
            "zoeken 2.0.0, basisprofiel 1.5.0, vestigingsprofiel 1.4",
            date(2026, 11, 22),
        ),
    )
    default_mapping = Path(__file__).parents[3] / "mappings" / "kvk.yaml"
    by = (("kvk",), ("branch",), ("name", "postcode", "house_number"), ("name", "city"))
    countries = ("NL",)
    columns = COLUMNS
    config: KvkConfig

    @property
    def limits(self) -> LookupLimits:
        """As configured; a search or a branch, a profile and the list of branches are three requests."""
        return LookupLimits(
            self.config.per_run, self.config.per_month, 3 if self.config.branches else 2, self.config.keep
        )

    def check(self) -> Check:
        """Search for one registration: searching is free of charge."""
        try:
            with Register(self.config, self.place.folder) as register:
                register.get("/v2/zoeken", {"naam": "kvk", "resultatenPerPagina": "1"})
                return Check(True, f"{register.host} answers; the key is accepted")
        except HubError as error:
            return Check(False, str(error))

    def look_up(self, questions: Sequence[Question]) -> Iterator[Finding]:
        """Answer one question after the other."""
        failures = 0
        with Register(self.config, self.place.folder) as register:
            for question in questions:
                before = register.requests
                try:
                    finding = self._answer(register, question)
                    failures = 0
                except RejectedError as error:
                    finding = Finding(question.key, "rejected", reason=str(error))
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    reason = f"the answer has another form than the register's contract ({type(error).__name__})"
                    finding = Finding(question.key, "rejected", reason=reason)
                except TemporaryError as error:
                    failures += 1
                    if failures == _FAILURES:
                        raise
                    finding = Finding(question.key, "later", reason=str(error))
                yield Finding(
                    finding.key,
                    finding.status,
                    finding.row,
                    finding.answer,
                    register.requests - before,
                    finding.reason,
                )

    def _answer(self, register: Register, question: Question) -> Finding:
        branch = branch_of(register, question.facts)
        number = branch["kvkNummer"] if branch is not None else find(register, question.facts)
        profile = register.get(f"/v1/basisprofielen/{number}") if number else None
        if profile is None:
            return Finding(question.key, "absent")
        branches = register.get(f"/v1/basisprofielen/{number}/vestigingen") if self.config.branches else None
        row, answer = row_of(profile, branches, branch)
        return Finding(question.key, "found", row, answer)


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the look-up."""
    return [Kvk]
