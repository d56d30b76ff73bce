"""Everything that may go wrong between the hub and a provider, and what a batch of two messages comes to by it.

Each fault lasts for one run. `after` are the states when it ends, `took` how many messages the provider then has. An
hour later all is well again, and so it ends, for a provider that takes an id once and for one that does not:

- what was queued has been sent, once;
- what was unknown has been sent again under the same id where the provider takes it once; elsewhere it stays
  unknown, is told, and is not sent again;
- what was rejected stays so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.ledger import State
from tests.recovery.fault_proxy import Behaviour, Call, passes

Where = Literal["proxy", "tls", "no tls", "nobody"]
"""What the hub calls: `proxy`, `tls` (the proxy's own certificate, which nobody vouches for), `no tls` (https to a
server that speaks plain HTTP), or `nobody` (nobody listens)."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    behaves: Behaviour
    after: tuple[State, State]
    """The states of the two messages, whichever comes first."""
    took: int
    reason: str = ""
    """A part of the reason that the ledger keeps with the messages that were not accepted."""
    where: Where = "proxy"
    timeout: float = 20.0


@dataclass(frozen=True)
class Reacted:
    """Reactions that come twice, in the wrong order or for nobody, to two messages that were treated so."""

    name: str
    behaves: Behaviour
    reactions: tuple[str, ...]
    ends: State


def says(status: int, body: bytes = b"", forwards: bool = False, **headers: str) -> Behaviour:
    """Answer with a status, before or after the provider took the messages."""

    async def behaves(call: Call) -> None:
        await call.read()
        if forwards:
            await call.forward()
        await call.say(status, body, **headers)

    return behaves


def takes_and_says(body: bytes) -> Behaviour:
    """Let the provider take the messages, and answer 200 with something else than it did."""
    return says(200, body, forwards=True)


def breaks(*, forwards: bool = False, reads: bool = True, resets: bool = True) -> Behaviour:
    """Break off or hang up, before or after the request is read and taken."""

    async def behaves(call: Call) -> None:
        if reads:
            await call.read()
        else:
            await call.reader.read(20)
        if forwards:
            await call.forward()
        if resets:
            call.reset()

    return behaves


def silent(*, forwards: bool = False, says_first: bytes = b"") -> Behaviour:
    """Never answer, or never end the answer."""

    async def behaves(call: Call) -> None:
        await call.read()
        if forwards:
            await call.forward()
        await call.write(says_first)
        await call.silence()

    return behaves


async def slow(call: Call) -> None:
    await call.read()
    answer = await call.forward()
    await asyncio.sleep(0.3)
    await call.write(answer)


async def drips(call: Call) -> None:
    await call.read()
    answer = await call.forward()
    for start in range(0, len(answer), 20):
        await call.write(answer[start : start + 20])
        await asyncio.sleep(0.005)


async def drips_for_ever(call: Call) -> None:
    await call.read()
    await call.forward()
    await call.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not call.over.is_set():
        await call.write(b"y")
        await asyncio.sleep(0.1)


async def half(call: Call) -> None:
    await call.read()
    answer = await call.forward()
    await call.write(answer[:-20])


async def raw(call: Call) -> None:
    await call.read()
    await call.write(b"220 mail.example ESMTP\r\n")


async def speaks_plain(call: Call) -> None:
    await call.reader.read(1000)
    await call.say(400)


async def long_head(call: Call) -> None:
    await call.read()
    await call.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")


async def refuses_the_second(call: Call) -> None:
    if "Second" in str(await call.read()):
        await call.say(400, {"error": "no such template"})
    else:
        await call.write(await call.forward())


async def forgets_one(call: Call) -> None:
    ids = _ids(await call.read())
    await call.forward()
    await call.say(200, _results(ids[:1]))


async def puts_one_off(call: Call) -> None:
    body = await call.read()
    await call.forward({name: given[:1] if isinstance(given, list) else given for name, given in body.items()})
    first, *others = _ids(body)
    await call.say(200, _results([first], others))


async def answers_for_strangers(call: Call) -> None:
    ids = _ids(await call.read())
    await call.forward()
    await call.say(200, _results([{name: f"other {id_}" for name, id_ in entry.items()} for entry in ids]))


async def answers_twice(call: Call) -> None:
    ids = _ids(await call.read())
    await call.forward()
    await call.say(200, _results([*ids, *ids]))


async def refuses_inside(call: Call) -> None:
    ids = _ids(await call.read())
    await call.say(200, {"results": [{**entry, "status": "rejected"} for entry in ids]})


async def knows_no_such_status(call: Call) -> None:
    ids = _ids(await call.read())
    await call.forward()
    await call.say(200, {"results": [{**entry, "status": "perhaps"} for entry in ids]})


def _ids(body: dict[str, Any]) -> list[dict[str, str]]:
    """Give what messages and rows are known by."""
    messages = [{"id": message["id"]} for message in body.get("messages", ())]
    return messages or [{"key": row["key"]} for row in body["rows"]]


def _results(accepted: Sequence[dict[str, str]], later: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    taken = [{**entry, "status": "accepted"} for entry in accepted]
    return {"results": taken + [{**entry, "status": "later"} for entry in later]}


QUEUED: tuple[State, State] = ("queued", "queued")
UNKNOWN: tuple[State, State] = ("unknown", "unknown")
ACCEPTED: tuple[State, State] = ("accepted", "accepted")
REJECTED: tuple[State, State] = ("rejected", "rejected")
PAGE = b"<html><body>Bad gateway</body></html>"
DATE, LATER = "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:30:00 GMT"

FAULTS = (
    Fault("nobody listens", passes, QUEUED, 0, "cannot reach", where="nobody"),
    Fault("reset before the request is read", breaks(reads=False), UNKNOWN, 0, "no answer"),
    Fault("hung up before the request is read", breaks(reads=False, resets=False), UNKNOWN, 0, "no answer"),
    Fault("reset after the request is read", breaks(), UNKNOWN, 0, "no answer"),
    Fault("hung up after the request is read", breaks(resets=False), UNKNOWN, 0, "no answer"),
    Fault("reset after the messages are taken", breaks(forwards=True), UNKNOWN, 2, "no answer"),
    Fault("hung up after the messages are taken", breaks(forwards=True, resets=False), UNKNOWN, 2, "no answer"),
    Fault("slow, but in time", slow, ACCEPTED, 2),
    Fault("the answer comes in drips", drips, ACCEPTED, 2),
    Fault("the answer drips for ever", drips_for_ever, UNKNOWN, 2, "ReadTimeout", timeout=0.3),
    Fault("time-out before acceptance", silent(), UNKNOWN, 0, "ReadTimeout", timeout=0.3),
    Fault("time-out after acceptance", silent(forwards=True), UNKNOWN, 2, "ReadTimeout", timeout=0.3),
    Fault(
        "time-out in the middle of the answer",
        silent(forwards=True, says_first=b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
        UNKNOWN,
        2,
        "ReadTimeout",
        timeout=0.3,
    ),
    Fault("429 with Retry-After in seconds", says(429, Retry_After="120"), QUEUED, 0, "HTTP 429"),
    Fault("429 with Retry-After as a date", says(429, Date=DATE, Retry_After=LATER), QUEUED, 0, "HTTP 429"),
    Fault("429 without Retry-After", says(429), QUEUED, 0, "HTTP 429"),
    Fault("408", says(408), QUEUED, 0, "HTTP 408"),
    Fault("503", says(503), QUEUED, 0, "HTTP 503"),
    Fault("500 before acceptance", says(500), UNKNOWN, 0, "HTTP 500"),
    Fault("500 after acceptance", says(500, forwards=True), UNKNOWN, 2, "HTTP 500"),
    Fault("502 with a page of the gateway", says(502, PAGE), UNKNOWN, 0, "HTTP 502"),
    Fault("504 after acceptance", says(504, forwards=True), UNKNOWN, 2, "HTTP 504"),
    Fault("401", says(401), QUEUED, 0, "the sign-in is refused"),
    Fault("404", says(404), QUEUED, 0, "the address is not there"),
    Fault("400 for all of them", says(400, b"no such template"), REJECTED, 0, "no such template"),
    Fault("400 because of one of them", refuses_the_second, ("accepted", "rejected"), 1, "no such template"),
    Fault("redirect", says(307, Location="http://127.0.0.1:9/"), QUEUED, 0, "redirects are not followed"),
    Fault("half an answer", half, UNKNOWN, 2, "no answer"),
    Fault("wrong JSON", takes_and_says(b'{"results": ['), UNKNOWN, 2, "not {results: [...]} as JSON"),
    Fault("JSON of another form", takes_and_says(b"[1, 2]"), UNKNOWN, 2, "not {results: [...]} as JSON"),
    Fault("200 with an error inside", refuses_inside, REJECTED, 0, "refused without a reason"),
    Fault("a status that nobody knows", knows_no_such_status, UNKNOWN, 2, "no status that we know"),
    Fault("partial batch: no result for one", forgets_one, ("accepted", "unknown"), 2, "says nothing about it"),
    Fault("partial batch: one is to come later", puts_one_off, ("accepted", "queued"), 1),
    Fault("results for other messages", answers_for_strangers, UNKNOWN, 2, "says nothing about it"),
    Fault("every result twice", answers_twice, ACCEPTED, 2),
    Fault("204 without a body", says(204, forwards=True), ACCEPTED, 2),
    Fault("an answer that is not HTTP", raw, UNKNOWN, 0, "no answer"),
    Fault("an answer whose head does not end", long_head, UNKNOWN, 0, "no answer"),
    Fault("an answer of eleven megabytes", takes_and_says(b" " * (11 << 20)), UNKNOWN, 2, "no answer"),
    Fault("a certificate that nobody vouches for", passes, QUEUED, 0, "cannot reach", where="tls"),
    Fault("TLS to a server that speaks none", speaks_plain, QUEUED, 0, "cannot reach", where="no tls"),
)

REACTIONS = (
    Reacted("the same receipt twice", passes, ("delivered", "delivered"), "delivered"),
    Reacted("a bounce after the delivery", passes, ("delivered", "bounced"), "bounced"),
    Reacted("the delivery after the bounce", passes, ("bounced", "delivered"), "bounced"),
    Reacted("a receipt for a message whose answer never came", silent(forwards=True), ("delivered",), "delivered"),
    Reacted("a bounce of a message whose answer never came", silent(forwards=True), ("bounced",), "bounced"),
    Reacted("a reaction to a message that nobody sent", passes, ("stranger",), "accepted"),
)


def ends(fault: Fault, takes_once: bool) -> tuple[State, State]:
    """Say what the messages end as, once all is well again."""
    first, second = (
        "accepted" if state == "queued" or (state == "unknown" and takes_once) else state for state in fault.after
    )
    return first, second


def page() -> str:
    """Write the table of the documentation."""
    lines = [
        "| what goes wrong | after that run | taken | in the end, where an id counts once | where it does not |",
        "|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        cells = (_said(fault.after), f"{fault.took} of 2", _said(ends(fault, True)), _said(ends(fault, False)))
        lines.append(f"| {fault.name} | {' | '.join(cells)} |")
    lines += ["", "| reactions | in the end |", "|---|---|"]
    lines += [f"| {reacted.name} | {reacted.ends} |" for reacted in REACTIONS]
    return "\n".join(lines)


def _said(states: Sequence[State]) -> str:
    return states[0] if len(set(states)) == 1 else f"one {states[0]}, one {states[1]}"
