"""What a plugin is: the shapes that every source, look-up and destination has, ours and strangers' alike.

A plugin is a class that takes its validated configuration. The hub makes one object per connection of a project:

    class Weather(Source):
        name = "weather"
        config_model = WeatherConfig
        def check(self) -> Check: ...
        def resources(self) -> Iterable[DltResource]: ...

and its module hands the class over in a hook (see `hub.hookspecs`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, SecretStr

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource

    from hub.units import Rate

Channel = Literal["email", "sms", "letter"]
Status = Literal["accepted", "later", "rejected", "unknown"]
Operation = Literal["upsert", "add", "update", "remove", "delete"]
FindingStatus = Literal["found", "absent", "rejected", "later"]
Notation = Literal["iso", "nl", "be", "us"]
ProvenBy = Literal["real system", "played contract"]


class ConnectionConfig(BaseModel):
    """The keys of one entry under `connections:`; a plugin adds its own. Secrets are `SecretStr` fields.

    Unknown keys are mistakes. `hide_input_in_errors` keeps values out of error messages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def secrets_in(config: Any) -> list[str]:
    """List the secrets that a configuration holds, at any depth."""
    if isinstance(config, SecretStr):
        return [config.get_secret_value()] if config.get_secret_value() else []
    if isinstance(config, Mapping):
        return [secret for value in config.values() for secret in secrets_in(value)]
    if isinstance(config, list | tuple):
        return [secret for value in config for secret in secrets_in(value)]
    if isinstance(config, BaseModel):
        return [secret for name in type(config).model_fields for secret in secrets_in(getattr(config, name))]
    return []


@dataclass(frozen=True)
class Check:
    """What a plugin found when it tried its connection: `message` tells an admin what works or what to mend."""

    ok: bool
    message: str


@dataclass(frozen=True)
class Place:
    """Where a plugin object lives: its connection's name, the project's folder, and the hub's signing key.

    `public_url` is where the hub serves its pages to the world; empty where it serves none.
    """

    connection: str
    folder: Path
    key: bytes = field(default=b"", repr=False)
    public_url: str = ""


@dataclass(frozen=True)
class Pushed:
    """One HTTP request that another system sent to `/in/<connection>`.

    `path` is what follows the connection's name in the address, without a slash at either end: the place for a secret
    where a system can't sign. Names of headers are in lower case. `received_at` is our clock: judge the age of a
    signature by it.
    """

    method: str
    path: str = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True)
class Received:
    """What a push brought: rows by raw table, kept before the push is answered, and landed with the plugin's others.

    `id` is the sender's own name for what happened: a push with an id that the connection has had already is answered
    the same way, and not kept again. Where the sender gives none, take what tells two events apart (an order's number
    and the time of its change), or a hash of the body. `answer` is the body that the sender waits for, if it does.
    """

    id: str = field(repr=False)
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(repr=False)
    answer: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Erasable:
    """One record of a person that a system is to erase; `key` is its name in the answer.

    `key` is the record's key as the mapping reads it, the key of a row that a sync wrote (`object` says where to), or
    the id of a message that went out. `id` is the system's own name for it: the record's key, or what the system
    called the row or message when it took it; empty where the hub knows none. `email` and `phone` are addresses of it.
    """

    key: str = field(repr=False)
    id: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    object: str = ""


@dataclass(frozen=True)
class Proof:
    """One thing that a plugin was proven against: `against`, in its `version`, on a `day`, and `how`.

    real system      the thing itself ran: Odoo 19.0, OpenSSH 9.2
    played contract  a server of the tests kept to what the vendor publishes, in that version; its live service is not
                     verified

    What was tried against nothing yet has no proof. Raises ValueError for one that leaves something out.
    """

    how: ProvenBy
    against: str
    version: str
    day: date

    def __post_init__(self) -> None:
        """Refuse a proof that says not how, against what, in which version, or when."""
        if self.how not in get_args(ProvenBy):
            raise ValueError(f"a proof comes from one of: {', '.join(get_args(ProvenBy))}; not from '{self.how}'")
        if not (self.against and self.version and type(self.day) is date):
            raise ValueError("a proof says against what, in which version, and on which day")


class Plugin(ABC):
    """What sources, look-ups and destinations share."""

    name: ClassVar[str]
    """The word after `plugin:` in hub.yaml."""
    summary: ClassVar[str] = ""
    """One line for `hub plugins`."""
    config_model: ClassVar[type[ConnectionConfig]]
    default_mapping: ClassVar[Path | None] = None
    """A mapping file that holds where a project has none of its own for the connection."""
    proven: ClassVar[tuple[Proof, ...]] = ()
    """Against what it was proven, and when, the strongest first; empty: against nothing yet."""

    def __init__(self, config: Any, place: Place) -> None:
        """Keep the configuration; open nothing yet: a plugin that is only listed costs nothing."""
        self.config = config
        self.place = place

    @abstractmethod
    def check(self) -> Check:
        """Try the connection in a few seconds, without changing anything on the other side."""

    def webhook(self, request: Pushed) -> Received:
        """Judge what another system pushed, and say what rows it brings; a plugin that takes pushes overrides this.

        Check the signature first (see `hub.incoming`), and ask no server: the sender waits. Raises UnsignedError for a
        push that is not signed as it must be or too old (answered with 401), RejectedError for one that can't be read
        (400); neither is kept. The same push may come twice, and pushes come out of order.
        """
        raise TypeError(f"{self.name} takes no pushes")

    @classmethod
    def receives(cls) -> bool:
        """Say whether other systems can push to it."""
        return cls.webhook is not Plugin.webhook

    @property
    def can_erase(self) -> bool:
        """Say whether it can erase a person's data there, as configured; where not, people do it by hand."""
        return False

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        """Erase records of a person there, or make them say nothing of anybody; one result per record, in order.

        accepted: nothing of it is there any more, or never was. unknown: the system took the request, and erases in
        its own time. later: not now. rejected: it refuses, for `reason`: then people do it by hand. What was erased
        before may come again, and is accepted. Raise TemporaryError when the system is away, ConfigurationError for
        what an admin must mend.
        """
        raise TypeError(f"{self.name} can't erase: it says can_erase=False")


class Source(Plugin):
    """Brings data in."""

    @abstractmethod
    def resources(self) -> Iterable[DltResource]:
        """Give the tables of this system as dlt resources, incremental where the system allows it.

        Yield Arrow tables or record batches (fast), or pages: lists of dictionaries (the hub turns them into Arrow).
        Keep cursors in dlt's incremental state, so that a run killed halfway starts again where the last
        completed one ended.
        """


@dataclass(frozen=True)
class Collected:
    """What one request of an analytics library brought: calls of the Segment HTTP API, in their order.

    Each call is what the library wrote, with its `type` (track, identify, page, screen, group, alias); no value of it
    can be trusted. `sent_at` is the library's own clock when it sent them, as it wrote it. `visitor` names who sent
    them until the day is over, without a cookie and without anything kept on their side or ours; it is empty for what
    no browser sent.
    """

    calls: Sequence[Mapping[str, Any]] = field(repr=False)
    sent_at: str
    received_at: datetime
    visitor: str = field(repr=False)


class Collector(Source):
    """A source of events from sites, apps and servers, whose libraries send them to the hub (`/v1/track` and so on)."""

    @property
    @abstractmethod
    def write_keys(self) -> Sequence[str]:
        """Give the keys by which a library says that its events are for this connection; a site shows them to all."""

    @property
    def origins(self) -> Sequence[str]:
        """Say which sites' pages may send: `https://www.example.com`."""
        return ()

    @abstractmethod
    def collect(self, sent: Collected) -> Sequence[Received]:
        """Turn calls into rows, each call kept once by its id; what consent does not allow is left out of them."""

    def recognises(self, call: Mapping[str, Any]) -> bool:
        """Say whether the person of a call agreed to be recognised; who did not is shown nothing of their own."""
        return False


@dataclass(frozen=True)
class Question:
    """One thing to look up: `facts` are the columns of one of the ways in `Lookup.by`, as text.

    `key` names it: organisations of which the same is known are asked about once.
    """

    key: str
    facts: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Finding:
    """What a provider says to one question.

    found      `row` has what it knows, under the names in `Lookup.columns`; `answer` is all that it said, as JSON
    absent     it knows no such thing
    rejected   the question can't be answered as it is, for `reason`; it is asked again when the answer has expired
    later      no answer now, for `reason`: nothing is kept, and a next run asks again

    `requests` is how many requests it took: they count for the limits, whatever came of them.
    """

    key: str
    status: FindingStatus
    row: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    answer: str = field(default="", repr=False)
    requests: int = 1
    reason: str = ""


@dataclass(frozen=True)
class LookupLimits:
    """How much may be asked: requests per run and per calendar month, and at most so many for one question.

    `keep`: how long an answer holds; then it is asked for again.
    """

    per_run: int
    per_month: int | None = None
    per_question: int = 1
    keep: timedelta = timedelta(days=30)


class Lookup(Plugin):
    """Knows more about organisations that the hub has: asked by key, kept until the answer expires.

    Answers land in the lake, in the raw table `answers`: the columns asked, status, reason, requests, asked_at,
    expires_at and answer, which the hub adds, and those in `columns`. The plugin's mapping fills
    `organisation_profile` from it.
    """

    by: ClassVar[tuple[tuple[str, ...], ...]]
    """Ways to ask: columns of `organisation`; the first way of which all columns are filled is used."""
    countries: ClassVar[tuple[str, ...]]
    """Whose organisations it knows (ISO 3166-1 alpha-2); the first is assumed where none is given."""
    columns: ClassVar[tuple[str, ...]]
    """The names under which it gives what it found; every value is text."""

    @property
    @abstractmethod
    def limits(self) -> LookupLimits:
        """Say how much may be asked, as configured."""

    @abstractmethod
    def look_up(self, questions: Sequence[Question]) -> Iterable[Finding]:
        """Answer questions, in order, one request at a time: the hub stops asking for more when a limit is reached.

        Raise ConfigurationError for what an admin must mend, TemporaryError when the provider is away: what was
        answered before is kept.
        """


@dataclass(frozen=True)
class Consultation:
    """What a do-not-contact register answered: those among the addresses asked about that are `listed`.

    `reference` names the version of the register that answered and `dated` the moment it is of: they are kept as the
    proof that it was consulted, so neither holds an address.
    """

    listed: frozenset[str] = field(repr=False)
    reference: str
    dated: datetime


class DoNotContactRegister(Plugin):
    """Knows who must not be called or written to: consulted for every mailing, right before it goes out."""

    @property
    @abstractmethod
    def register(self) -> str:
        """Name the register, as the rules of the law name it (`bel-me-niet-meer`), or in words of the project."""

    @property
    @abstractmethod
    def channels(self) -> frozenset[str]:
        """Say which channels it is about: phone, sms, email, letter."""

    @property
    @abstractmethod
    def good_for(self) -> timedelta:
        """Say how old a version may be: with an older one nothing goes out."""

    @abstractmethod
    def consult(self, addresses: Sequence[str]) -> Consultation:
        """Say which addresses are listed: telephone numbers in E.164 (+32470123456), e-mail addresses in lower case.

        Raise ConfigurationError for what an admin must mend, TemporaryError when the register is away: then nothing
        goes out that needed the answer.
        """


@dataclass(frozen=True)
class EmailRecipient:
    """An e-mail address and the name shown beside it."""

    email: str
    name: str = ""


@dataclass(frozen=True)
class PhoneRecipient:
    """A telephone number in E.164, for example +31612345678."""

    phone: str


@dataclass(frozen=True)
class PostalRecipient:
    """A postal address; `country` is ISO 3166 alpha-2, house number, letter and addition are separate fields."""

    name: str
    street: str
    house_number: str
    house_letter: str
    house_addition: str
    postcode: str
    city: str
    country: str = "NL"


Recipient = EmailRecipient | PhoneRecipient | PostalRecipient


@dataclass(frozen=True)
class Message:
    """One message to one person, rendered and ready to go.

    `id` is derived from scenario, step, person and occurrence: the same intent always has the same id, and it is
    the idempotency key towards the provider. `content` holds the rendered parts by name: `subject`, `text` and
    `html` for e-mail, `text` for SMS, `typst` (a Typst source) for letters; `data` holds the values that a letter's
    Typst source reads. `queued_at` never changes between attempts, so an attempt repeats the same bytes.
    `unsubscribe_token` is unguessable, and the same at every attempt.
    """

    id: str
    channel: Channel
    recipient: Recipient
    content: Mapping[str, str]
    queued_at: datetime
    unsubscribe_token: str = field(default="", repr=False)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One member of an audience or one row of a table at the destination; `key` is unique within the sync.

    `fields` are the mapped fields that are to be written; None empties one. `remote_id` is what the destination called
    the row when it took it last, empty where it never did.
    """

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    remote_id: str = ""


@dataclass(frozen=True)
class SyncBatch:
    """Rows to write to, or remove from, one object (audience, list, table) of a destination.

    upsert   make the row, or change it where it is there
    add      make it; one that is there stays as it is, and is accepted
    update   change it where it is there; one that is not there is rejected
    remove   take it out of the audience or list; the person behind it stays; one that is not there is accepted
    delete   remove the row itself; one that is not there is accepted

    A destination rejects a row whose fields it can't take, with the reason, and takes the others.

    `keys` are the keys of the rows, in their order. `fields_json` has the fields of each as the text of a JSON object
    (numbers with decimals, dates and moments as texts), where the hub has written them already: a plugin that sends
    JSON may pass them on, which is several times as fast as looking into each row.
    """

    target: str
    operation: Operation
    rows: Sequence[Row]
    keys: Sequence[str] = field(default=(), repr=False)
    fields_json: Sequence[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Read the keys off the rows where they were not given."""
        if not self.keys and self.rows:
            object.__setattr__(self, "keys", [row.key for row in self.rows])


@dataclass(frozen=True)
class Result:
    """What became of one message or row: `id` is the message's id or the row's key.

    accepted   the other side took it (`remote_id` is its own reference)
    later      not taken, worth another try, not before `retry_after` seconds
    rejected   refused for good, for `reason`
    unknown    sent, but no answer came: it may or may not have been taken
    """

    id: str
    status: Status
    remote_id: str = ""
    reason: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Capabilities:
    """What a destination can do; the hub plans batches, pace and retries from it.

    `operations`: what it can do with rows; none where it takes only messages.
    `rates`: no more than each of these, whoever sends.
    `concurrency`: so many calls at the same time; where it is more than one, `send` and `sync` are called from as many
    threads.
    `idempotency_window`: for how long the same message id sent again is taken only once; None where it is not.
    `one_by_one`: each message of a batch goes on its own, so a rejection is never about its neighbours. Where it does
    not, the hub splits a batch that was rejected as a whole, to find the message that is to blame.
    `can_ask`, `can_read`, `can_try`: it answers what became of messages, gives rows back, and checks rows without
    writing them (`ask`, `read_back`, `try_out`).
    """

    channel: Channel | None = None
    operations: frozenset[Operation] = frozenset()
    batch_size: int = 100
    rates: tuple[Rate, ...] = ()
    idempotency_window: timedelta | None = None
    can_ask: bool = False
    can_read: bool = False
    can_try: bool = False
    concurrency: int = 1
    one_by_one: bool = False

    @property
    def syncs(self) -> bool:
        """Say whether it takes rows at all."""
        return bool(self.operations)


@dataclass(frozen=True)
class Sent:
    """A message that went out before: its id, and the reference of the other side where it gave one."""

    id: str
    remote_id: str = ""


class Destination(Plugin):
    """Takes messages, audiences or rows out. A subclass overrides `send`, `sync` or both, as its capabilities say.

    A plugin that is a source as well (`class Shop(Source, Destination)`) gives its reactions among its `resources`.
    """

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Say what this destination, as configured, can do."""

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send messages; one result per message, in order. Raise only for the configuration."""
        raise TypeError(f"{self.name} sends no messages: its capabilities name no channel")

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write or remove rows; one result per row, in the same order."""
        raise TypeError(f"{self.name} takes no audiences or rows: its capabilities name no operations")

    def ask(self, sent: Sequence[Sent]) -> Sequence[Result]:
        """Say what became of messages whose answer never came; one result per message, in order.

        `rejected` where the other side never got it, `unknown` where it does not know.
        """
        raise TypeError(f"{self.name} can't be asked: its capabilities say can_ask=False")

    def read_back(self, target: str, rows: Sequence[Row], fields: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Give what stands there now, by key: the named fields of the rows that are there."""
        raise TypeError(f"{self.name} gives nothing back: its capabilities say can_read=False")

    def try_out(self, batch: SyncBatch) -> Sequence[Result]:
        """Say what `sync` would come to, as far as the other side can tell, and write nothing."""
        raise TypeError(f"{self.name} can't try rows: its capabilities say can_try=False")

    def preview(self, message: Message) -> Mapping[str, bytes]:
        """Give what a message looks like on its way out, as files by name, without sending: the PDF of a letter.

        Raises RejectedError where the message can't be made, with the reason that `send` would give.
        """
        return {}

    def unsubscribe_url(self, token: str) -> str:
        """Give the address behind the unsubscribe link of a message; the hub also offers it to templates.

        It is the hub's own page, where the hub serves pages, unless a destination has an address of its own.
        """
        return f"{self.place.public_url}/unsubscribe/{token}" if self.place.public_url and token else ""

    def feedback(self) -> Iterable[DltResource]:
        """Give the reactions (deliveries, opens, clicks, bounces, unsubscribes) as dlt resources, if there are any."""
        return ()


@dataclass(frozen=True)
class Function:
    """A function for YAML expressions that a library computes: once per distinct value, kept in a lookup table.

    `call` gets the text and the constant arguments and returns the normalised text, or None for an invalid value.
    """

    name: str
    call: Callable[..., str | None]
    summary: str
    constants: int = 0
    """How many constant arguments (such as a region) follow the value."""


@dataclass(frozen=True)
class Scoring:
    """What a scorer gets: the moment, the options that the admin wrote, and people as of any moment up to it.

    `people(moment)` gives `person_id` and one column per trait that the score uses, a row per person of today. Asked
    for an earlier moment it gives what was known of then: learn from that, and compare with what came after.
    """

    as_of: datetime
    options: Mapping[str, Any]
    people: Callable[[datetime], pa.Table]


@dataclass(frozen=True)
class Tried:
    """One number of how good a model was, tried on what had come by then: `hub scores` shows it.

    `measure` names it (auc, lift, foretold, came). `of` is the model, or the plain rule beside it. With `tenth`, from 1
    to 10, it is about that tenth of the people, from those of whom least is foretold.
    """

    measure: str
    value: float
    of: str = "model"
    tenth: int | None = None


@dataclass(frozen=True)
class Scored:
    """What a scorer gives: `person_id`, `value` and perhaps `reason` (text), at most one row per person.

    Without rows it says in `refused` why it gives no score: too little to learn from, or no better than a plain rule.
    `tried` tells how good it was, used or not.
    """

    rows: pa.Table | None
    refused: str = ""
    tried: Sequence[Tried] = ()


class ScorerOptions(BaseModel):
    """What admins may write under `options:` of a score; a scorer adds its own keys. Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def needs(self) -> Sequence[str]:
        """Name the traits that the scorer must see with these options, each a number: they belong in `uses`."""
        return ()


@dataclass(frozen=True)
class Scorer:
    """A way to score people that a library computes; admins name it in `by:` of a score.

    `call` works on everybody at once. It reads no clock and draws no chance that is not seeded. `options` is the form
    of what admins may tell it, checked before anything runs; without a form it gets whatever they write.
    """

    name: str
    call: Callable[[Scoring], Scored]
    summary: str
    options: type[ScorerOptions] | None = None
