"""In whatever order: no message after a withdrawal or an erasure, none twice, all stores agree (R16, R17, R40)."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub import failpoints
from hub.contracts import Message, Result
from hub.errors import TemporaryError
from hub.lake import Lake
from hub.ledger import digest
from hub.outgoing import NoAnswerError
from hub.privacy import Stores, ask, go_on, look, replay
from hub.project.scenario import Scenario
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from tests.stages.engagement import CONNECTIONS, NOW, WELCOME, RecorderConfig, Shop, shop_in

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PEOPLE = 4
ONE = st.integers(0, 9)
"""Which of those that there are, counted round."""

TWO_MAILS = Scenario.model_validate(
    {
        **WELCOME.model_dump(by_alias=True, exclude_unset=True),
        "steps": [
            {"send": "welcome", "by": "email", "content": {"species": "'cat'"}},
            {"wait": "1 hour"},
            {"send": "extra", "by": "email"},
        ],
    }
)
"""Reactions to the first mail come before the second."""

TROUBLES = ("nothing", "no answer, taken", "no answer, not taken", "later", "rejected")


class Killed(BaseException):
    """A run that ends where it stands. (Processes that really die: test_kills.)"""


class AnySequence(RuleBasedStateMachine):
    """People, what they say and do, runs that end or are killed, and what the destination took in the meantime."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.said: dict[int, tuple[datetime, bool]] = {}
        """What everybody said last."""
        self.is_now: dict[int, int] = {}
        """Which person each of them is by now."""
        self.gone: set[int] = set()
        """Whose address bounced or unsubscribed."""
        self.erased: set[int] = set()
        """Who was erased: nothing of them is left, and nothing goes to them."""
        self.forgotten: set[str] = set()
        """The messages to the erased: what became of them is known still, and not whose they were."""
        self.taken: Counter[str] = Counter()
        self.wrongly: list[str] = []
        """Messages to people who did not want them; an error raised while sending would be caught by the hub."""
        self.trouble = "nothing"
        self.stack = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="sequence-"))
        self.stack.callback(shutil.rmtree, folder)
        warehouse = open_warehouse("duckdb", BUILT_IN, folder / ".hub", [folder])
        self.stack.callback(warehouse.close)
        mail = RecorderConfig(channel="email", window=timedelta(days=7), batch_size=2)
        self.shop: Shop = self.stack.enter_context(
            shop_in(folder, warehouse, scenarios=[TWO_MAILS], connections={**CONNECTIONS, "mail": mail})
        )
        self.shop.answer("mail", self.take)
        self.stores = Stores(self.shop.project, Lake(folder / "lake"), warehouse, self.shop.ledger)
        self.stack.callback(failpoints.disarm)

    @initialize()
    def three_come(self) -> None:
        for _ in range(3):
            self.come()

    @precondition(lambda self: len(self.said) < PEOPLE)
    @rule()
    def come(self) -> None:
        number = len(self.said) + 1
        record = self.shop.person(number, email=f"person{number}@example.nl", given_name=f"Person{number}")
        self.shop.insert(
            "identifier",
            connection="shop",
            source_key=f"{number}",
            record_id=record,
            type="email",
            value=f"person{number}@example.nl",
        )
        self.state(number, True, NOW - timedelta(days=1))
        self.shop.insert(
            "activity",
            connection="shop",
            source_key=f"a{number}",
            record_id=record,
            type="newsletter_subscribed",
            at=NOW - 2 * HOUR,
        )
        self.said[number], self.is_now[number] = (self.now, True), number

    @rule(one=ONE, yes=st.booleans())
    def say(self, one: int, yes: bool) -> None:
        number = self.who(one)
        self.tick()
        self.state(number, yes, self.now)
        self.said[number] = (self.now, yes)

    @rule(one=ONE)
    def order(self, one: int) -> None:
        self.tick()
        self.shop.trait(self.is_now[self.who(one)], last_order_at=self.now)

    @rule(one=ONE, other=ONE)
    def merge(self, one: int, other: int) -> None:
        into, gone = sorted((self.is_now[self.who(one)], self.is_now[self.who(other)]))
        if into != gone:
            self.shop.merge(into, gone)
            self.is_now = {number: into if is_ == gone else is_ for number, is_ in self.is_now.items()}

    @rule(one=ONE)
    def split(self, one: int) -> None:
        number = self.who(one)
        if self.is_now[number] != number:
            self.shop.update("source_record", {"record_id": f"shop:{number}"}, person_id=number)
            columns = {"email": f"person{number}@example.nl", "given_name": f"Person{number}"}
            self.shop.insert("person", person_id=number, record_id=f"shop:{number}", records=1, **columns)
            self.is_now[number] = number

    @precondition(lambda self: len({self.is_now[it] for it in self.said if it not in self.erased}) > 1)
    @rule(one=ONE, point=st.sampled_from(["", *failpoints.ERASING]))
    def erase(self, one: int, point: str) -> None:
        """Erase a person with all records; a run that is killed there is gone on with before anything else."""
        self.tick()
        person = self.is_now[self.who(one)]
        theirs = {number for number, is_ in self.is_now.items() if is_ == person}
        found = look(self.stores, [person], self.now)
        self.forgotten |= set(self.shop.ledger.outbox.states(found.messages))
        if point:
            failpoints.arm(point, _killed)
        with suppress(Killed):
            ask(self.stores, found, "anna", "asked for it", self.now)
            go_on(self.stores, self.now)
        failpoints.disarm()
        replay(self.stores, self.now)
        go_on(self.stores, self.now)
        self.erased |= theirs
        assert self.shop.ledger.erasures.open() == frozenset()

    @precondition(lambda self: set(self.taken) - self.forgotten)
    @rule(one=ONE, type_=st.sampled_from(["unsubscribed", "bounced", "delivered"]))
    def react(self, one: int, type_: str) -> None:
        self.tick()
        known = sorted(set(self.taken) - self.forgotten)
        id_ = known[one % len(known)]
        number = self.number_of(id_)
        self.shop.insert(
            "message_event",
            connection="mail",
            source_key=f"{self.now}",
            load_id=f"{self.now}",
            record_id=f"shop:{number}",
            message_key=id_,
            type=type_,
            code="5.1.1" if type_ == "bounced" else None,
            at=self.now,
        )
        if type_ != "delivered":
            self.gone.add(number)

    @rule()
    def only_decide(self) -> None:
        """Leave messages in the queue, for things to happen before they go."""
        self.now += HOUR
        feedback(self.shop.warehouse, self.shop.ledger, self.shop.project, self.now)
        decide(self.shop.warehouse, self.shop.ledger, self.shop.project, self.now)

    @rule()
    def run(self) -> None:
        self.now += HOUR
        self.trouble = "nothing"
        self.walk()

    @rule(trouble=st.sampled_from(TROUBLES), point=st.sampled_from(["", *failpoints.ENGAGING]))
    def run_in_trouble(self, trouble: str, point: str) -> None:
        self.now += HOUR
        self.trouble = trouble
        if point:
            failpoints.arm(point, _killed)
        with suppress(Killed):
            self.walk()
        failpoints.disarm()

    @invariant()
    def nobody_gets_a_message_after_a_withdrawal(self) -> None:
        assert not self.wrongly

    @invariant()
    def nothing_is_left_of_the_erased(self) -> None:
        records = {f"shop:{number}" for number in self.erased}
        for table in ("source_record", "identifier", "consent", "activity", "message", "decision", "enrolment"):
            assert not records & set(self.shop.rows(table, "record_id") if records else ()), table

    def walk(self) -> None:
        feedback(self.shop.warehouse, self.shop.ledger, self.shop.project, self.now)
        decide(self.shop.warehouse, self.shop.ledger, self.shop.project, self.now)
        activate(self.shop.warehouse, self.shop.ledger, self.shop.project, self.now)

    def take(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Be the destination: look at who gets something, and answer, or not."""
        self.wrongly += [message.id for message in batch if not self.may_get(self.number_of(message.id))]
        if self.trouble == "later":
            raise TemporaryError("busy", retry_after=600)
        known = set(self.taken)
        if self.trouble in ("nothing", "no answer, taken"):
            self.taken.update(message.id for message in batch if message.id not in known)
        if self.trouble.startswith("no answer"):
            raise NoAnswerError("no answer in 30 s")
        # a destination that takes an id once answers for it as it did the first time, whatever it thinks by now
        return [
            Result(message.id, "rejected", reason="550")
            if self.trouble == "rejected" and message.id not in known
            else Result(message.id, "accepted")
            for message in batch
        ]

    def may_get(self, number: int) -> bool:
        """Say whether a person said yes last, by any of the records, and the address is not gone."""
        if number in self.erased or number not in self.said:
            return False
        same = [other for other, is_ in self.is_now.items() if is_ == self.is_now[number]]
        return max(self.said[other] for other in same)[1] and number not in self.gone

    def who(self, one: int) -> int:
        there = sorted(set(self.said) - self.erased)
        return there[one % len(there)]

    def number_of(self, id_: str) -> int:
        message = self.shop.ledger.outbox.get(id_)
        assert message is not None, "a message that the ledger does not know"
        return next((number for number in self.said if digest(f"shop:{number}") == message.record), 0)

    def state(self, number: int, yes: bool, at: datetime) -> None:
        """Have a person say yes or no."""
        self.shop.insert(
            "consent",
            connection="shop",
            source_key=f"{number}:{at}",
            record_id=f"shop:{number}",
            channel="email",
            purpose="marketing",
            given=yes,
            at=at,
        )

    def tick(self) -> None:
        self.now += MINUTE

    def teardown(self) -> None:
        with self.stack:
            self.trouble = "nothing"
            for _ in range(3):
                # a new day, at an hour at which messages go
                self.now = (self.now + timedelta(days=1)).replace(hour=10)
                self.walk()
            self.nobody_gets_a_message_after_a_withdrawal()
            outbox = self.shop.ledger.outbox
            states = outbox.states([*self.shop.rows("decision", "decision_id"), *sorted(self.forgotten)])
            went = {id_ for id_, state in states.items() if state in ("accepted", "delivered", "bounced")}
            parked = {message.id for message in outbox.parked()}
            assert went <= set(self.taken) <= went | parked
            assert not {"queued", "sending"} & set(states.values())
            per_intent = Counter(
                (message.record, message.step)
                for message in outbox.among(sorted(set(self.taken) - self.forgotten)).values()
            )
            assert not per_intent or max(per_intent.values()) == 1, "two messages for one intent"
            with self.shop.ledger.engine.begin() as connection:
                assert connection.execute(sa.text("SELECT count(*) FROM outbox")).scalar() == len(states)


def _killed() -> None:
    raise Killed


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
