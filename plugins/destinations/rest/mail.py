"""E-mails through an API: one request each, and how to ask what became of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_OID, uuid5

from hub.contracts import EmailRecipient, Message, Result, Sent
from hub.errors import RejectedError
from hub.normalise.email import normalise_email
from hub.outgoing import NoAnswerError, NotSentError
from hub.templated import parsed, text_at
from plugins.destinations.rest.api import SILENCES, Api, id_in, meaning_of, words_of
from plugins.destinations.rest.config import Mail, Question


def send_mails(api: Api, mail: Mail, batch: Sequence[Message]) -> list[Result]:
    """Send e-mails; an API that is away lets the rest wait."""
    results: list[Result] = []
    silences, gone = 0, ""
    for message in batch:
        if gone:
            results.append(Result(message.id, "later", reason=gone))
            continue
        try:
            results.append(_send(api, mail, message))
            silences = 0
        except RejectedError as error:
            results.append(Result(message.id, "rejected", reason=str(error)))
        except NotSentError as error:
            gone = str(error)
            results.append(Result(message.id, "later", reason=gone, retry_after=error.retry_after))
        except NoAnswerError as error:
            silences += 1
            gone = f"not tried: {error}" if silences == SILENCES else ""
            results.append(Result(message.id, "unknown", reason=str(error)))
    return results


def unsubscribe_url(mail: Mail | None, token: str) -> str:
    """Add the token to the configured address; empty where none is configured."""
    base = mail.unsubscribe_url if mail is not None else None
    if not (base and token):
        return ""
    return f"{base}{'&' if '?' in base else '?'}{urlencode({'token': token})}"


def ask(api: Api, question: Question, sent: Sequence[Sent]) -> list[Result]:
    """Ask what became of e-mails; what the API does not say stays unknown."""
    results: list[Result] = []
    for one in sent:
        try:
            results.append(_asked(api, question, one))
        except (NotSentError, NoAnswerError) as error:
            results.append(Result(one.id, "unknown", one.remote_id, str(error)))
    return results


def _asked(api: Api, question: Question, one: Sent) -> Result:
    answer = api.call(question, {"id": one.id, "remote_id": one.remote_id})
    if answer.status in question.never_got:
        return Result(one.id, "rejected", one.remote_id, "the API never got it")
    state = text_at(question.status_at, parsed(answer.body)) if 200 <= answer.status < 300 else ""
    remote_id = text_at(question.id_at, parsed(answer.body)) or one.remote_id
    if state in question.taken:
        return Result(one.id, "accepted", remote_id)
    if state in question.refused:
        return Result(one.id, "rejected", remote_id, f"the API says: {state}")
    return Result(one.id, "unknown", one.remote_id, "the API does not say what became of it")


def _send(api: Api, mail: Mail, message: Message) -> Result:
    values = _values(mail, message)
    answer = api.call(mail, values)
    personal = words_of([values["to"], values["name"], values["text"]])
    meaning = meaning_of(mail, answer, api.retriable, personal)
    remote_id = id_in(mail, answer) if meaning.status == "accepted" else ""
    return Result(message.id, meaning.status, remote_id, meaning.reason, meaning.retry_after)


def _values(mail: Mail, message: Message) -> dict[str, Any]:
    """Give what the request may hold. Raises RejectedError where the mail is not sent."""
    if not isinstance(message.recipient, EmailRecipient) or normalise_email(message.recipient.email) is None:
        raise RejectedError("the e-mail address is not valid")
    return {
        "id": message.id,
        "uuid": str(uuid5(NAMESPACE_OID, message.id)),
        "to": message.recipient.email,
        "name": message.recipient.name,
        "sender": mail.sender,
        "subject": message.content.get("subject", ""),
        "text": message.content.get("text", ""),
        "html": message.content.get("html", ""),
        "unsubscribe_url": unsubscribe_url(mail, message.unsubscribe_token),
    }
