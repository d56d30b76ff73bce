"""E-mails through an API: one request each, and how to ask what became of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_OID, uuid5

from hub.contracts import EmailRecipient, Message, Result, Sent
from hub.errors import RejectedError
from hub.in_turn import in_turn
from hub.normalise.email import normalise_email
from hub.outgoing import NotSentError, reason_of, words_of
from hub.templated import parsed, placeholders, text_at
from plugins.destinations.rest.api import Api, id_in, meaning_of
from plugins.destinations.rest.config import Mail, Question


def send_mails(api: Api, mail: Mail, batch: Sequence[Message], unsubscribe_url: Callable[[str], str]) -> list[Result]:
    """Send e-mails, one request each; an API that is away, or takes nothing now, lets the rest wait."""
    return in_turn(batch, lambda message: [message.id], lambda message: [_send(api, mail, message, unsubscribe_url)])


def own_unsubscribe_url(mail: Mail | None, token: str) -> str:
    """Add the token to the configured address; empty where none is configured."""
    base = mail.unsubscribe_url if mail is not None else None
    if not (base and token):
        return ""
    return f"{base}{'&' if '?' in base else '?'}{urlencode({'token': token})}"


def ask(api: Api, question: Question, sent: Sequence[Sent]) -> list[Result]:
    """Ask what became of e-mails; what the API does not say stays unknown."""
    told = in_turn(sent, lambda one: [one.id], lambda one: [_asked(api, question, one)])
    return [replace(result, status="unknown") if result.status == "later" else result for result in told]


def _asked(api: Api, question: Question, one: Sent) -> Result:
    if not one.remote_id and "remote_id" in placeholders([question.path, question.query]):
        return Result(one.id, "unknown", reason="the API never said what it calls it, so it can't be asked about it")
    try:
        answer = api.call(question, {"id": one.id, "remote_id": one.remote_id})
    except RejectedError as error:
        return Result(one.id, "unknown", one.remote_id, str(error))
    if answer.holds_for_all:
        raise NotSentError(reason_of(answer), answer.retry_after)
    if answer.status in question.never_got and not answer.is_page:
        return Result(one.id, "rejected", one.remote_id, "the API never got it")
    state = text_at(question.status_at, parsed(answer.body)) if 200 <= answer.status < 300 else ""
    remote_id = text_at(question.id_at, parsed(answer.body)) or one.remote_id
    if state in question.taken:
        return Result(one.id, "accepted", remote_id)
    if state in question.refused:
        return Result(one.id, "rejected", remote_id, f"the API says: {state}")
    return Result(one.id, "unknown", one.remote_id, "the API does not say what became of it")


def _send(api: Api, mail: Mail, message: Message, unsubscribe_url: Callable[[str], str]) -> Result:
    values = _values(mail, message, unsubscribe_url(message.unsubscribe_token))
    answer = api.call(mail, values)
    personal = words_of([values["to"], values["name"], values["text"]])
    meaning = meaning_of(mail, answer, api.retriable, personal)
    remote_id = id_in(mail, answer) if meaning.status == "accepted" else ""
    return Result(message.id, meaning.status, remote_id, meaning.reason)


def _values(mail: Mail, message: Message, unsubscribe_url: str) -> dict[str, Any]:
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
        "unsubscribe_url": unsubscribe_url,
    }
