"""`/survey/<token>`: answers to a survey, from links in a message: `?survey=after-order&kind=nps&score=9`.

A link with a score shows the form with that score chosen, and only the button answers: programs that follow links in
mails follow all eleven of them, and many look like a browser. What was merely opened is kept too, as a row that is not
`confirmed` and is marked `machine` where that is likely: the mapping counts confirmed answers only, and the latest.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hub.errors import RejectedError
from hub.serve.pages.look import Look
from hub.serve.pages.visit import form_of, keep_row, likely_machine, message_of
from hub.serve.site import Site

TABLE = "hub_answers"
"""The raw table of answers: message_id, survey, question, kind, score, answer, at, confirmed, machine."""
SCALES: Mapping[str, tuple[int, ...]] = {
    "nps": tuple(range(11)),
    "csat": tuple(range(1, 6)),
    "ces": tuple(range(1, 6)),
}
"""Which scores there are (R37)."""
LONGEST_ANSWER = 2_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class Asked:
    """What a link asks: one question of a survey, and the score that stands in the link, if one does."""

    survey: str
    question: str
    kind: str
    score: int | None

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Asked:
        """Read it from a link or a form. Raises RejectedError for what no link of ours says."""
        kind = given.get("kind", "")
        survey, question = given.get("survey", kind), given.get("question", kind)
        if kind not in SCALES or not NAME.fullmatch(survey) or not NAME.fullmatch(question):
            raise RejectedError("no such survey")
        score = given.get("score", "")
        if score and (not re.fullmatch("[0-9]{1,2}", score) or int(score) not in SCALES[kind]):
            raise RejectedError("no such score")
        return cls(survey, question, kind, int(score) if score else None)


class Survey:
    """The page behind `survey_url`."""

    def __init__(self, site: Site, look: Look) -> None:
        self._site = site
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Show the question, or take the answer."""
        message_id = message_of(self._site, request, "survey")
        if message_id is None:
            return self._look.not_found(request)
        form = {name: values[0] for name, values in (await form_of(request)).items()} if _answers(request) else {}
        try:
            asked = Asked.read(form if _answers(request) else request.query_params)
        except RejectedError:
            return self._look.not_found(request)
        if asked.score is None and _answers(request):
            return self._show(request, asked)
        if asked.score is not None and not await self._keep(request, message_id, asked, form.get("answer", "")):
            return self._look.not_found(request)
        if _answers(request):
            return self._look.notice(request, "survey", "done_title", "done")
        return self._show(request, asked)

    async def _keep(self, request: Request, message_id: str, asked: Asked, answer: str) -> bool:
        message = await asyncio.to_thread(self._site.ledger.outbox.get, message_id)
        if message is None:
            return False
        confirmed = _answers(request)
        at = self._site.clock().isoformat()
        row: dict[str, Any] = {
            "message_id": message_id,
            **vars(asked),
            "answer": answer.replace("\x00", "")[:LONGEST_ANSWER].strip(),
            "at": at,
            "confirmed": confirmed,
            "machine": likely_machine(request),
        }
        id_ = f"{message_id} {asked.survey} {asked.question} {asked.score} {at if confirmed else 'opened'}"
        await keep_row(self._site, message.connection, id_, TABLE, row)
        return True

    def _show(self, request: Request, asked: Asked) -> Response:
        said = self._look.words(request)["survey"]
        return self._look.page(
            request,
            "survey.html",
            said["title"],
            question=said[asked.kind]["question"],
            hint=said[asked.kind]["hint"],
            scale=SCALES[asked.kind],
            score=asked.score,
            comment=said["comment"],
            send=said["send"],
            longest=LONGEST_ANSWER,
            survey=asked.survey,
            question_name=asked.question,
            kind=asked.kind,
        )


def _answers(request: Request) -> bool:
    return request.method == "POST"
