"""Templates: what a message says, in Liquid; letters in Typst.

A template is a folder under `templates/`:

    templates/welcome_offer/subject.txt    e-mail: the subject
    templates/welcome_offer/email.txt      e-mail: the text part
    templates/welcome_offer/email.html     e-mail: the HTML part (values are escaped)
    templates/welcome_offer/sms.txt        SMS
    templates/welcome_offer/letter.typ     letter: Typst, which reads the values as JSON from sys.inputs
    templates/blocks/footer.html           shared blocks: {% render "footer.html" %}

Liquid has no access to anything but the values it is given. A value that a template names and nobody gave is an
error of that one message, and output has limits.

What is pinned when a message is queued is the text of its parts and of all shared blocks, by their hash: an attempt
next week says the same, whatever the folder holds by then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Channel
from hub.errors import ConfigurationError, Problem, RejectedError, suggest

if TYPE_CHECKING:
    from liquid import BoundTemplate, DictLoader, Environment, RenderContext
    from liquid.ast import Node
    from liquid.exceptions import LiquidError

BLOCKS = "blocks"

PARTS: Mapping[Channel, Mapping[str, str]] = {
    "email": {"subject.txt": "subject", "email.txt": "text", "email.html": "html"},
    "sms": {"sms.txt": "text"},
    "letter": {"letter.typ": "typst"},
}
"""Per channel the files of a template, and the part of the message's content that each becomes."""

REQUIRED: Mapping[Channel, tuple[str, ...]] = {
    "email": ("subject.txt", "email.txt"),
    "sms": ("sms.txt",),
    "letter": ("letter.typ",),
}

LONGEST_OUTPUT = 512 * 1024
"""Bytes that one part may grow to; a mail above some 100 kB is cut off by readers anyway."""
MOST_TURNS = 10_000
DEEPEST_CONTEXT = 20

_WRITTEN = re.compile(r"[\w.\-\[\]'\"]+")


_REFUSAL = re.compile(r"\b(unsubscribe_url|preferences_url)\b")
_REFUSAL_BY_ANSWER = re.compile(r"\b(STOP|AFMELDEN|UIT|ARRET)\b")


def offers_refusal(pinned: str) -> bool:
    """Say whether every part that a reader sees of a pinned template offers to refuse more: by a link, or in an SMS by
    the word to answer with.
    """
    given = json.loads(pinned)
    channel: Channel = given["channel"]
    bodies = [text for file, text in given["parts"].items() if PARTS[channel].get(file, file) != "subject"]
    return bool(bodies) and all(_refusal_in(body, channel, given["blocks"]) for body in bodies)


def _refusal_in(body: str, channel: Channel, blocks: Mapping[str, str]) -> bool:
    texts = [body, *(text for name, text in blocks.items() if f'"{name}"' in body or f"'{name}'" in body)]
    return any(_REFUSAL.search(text) or (channel == "sms" and _REFUSAL_BY_ANSWER.search(text)) for text in texts)


_OF_A_LIST = frozenset({"size", "first", "last"})
"""What Liquid knows of a list besides its rows; and of a text."""
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%-?\s*(\w+).*?%\}", re.DOTALL)
_BLOCK_TAGS = frozenset({"if", "unless", "case", "for", "tablerow", "capture", "comment", "raw"})
"""Tags that another one closes."""

_LETTERS_VALUE = re.compile(r"(?<![\w.])data\.(?!(?:at|keys|len|pairs|values)\b)(\w+)")
"""A value of a letter: `data.city`. What `data.at("city", default: none)` asks for may be absent."""

_PACKAGE = re.compile(r'(?:import|include)[\s(]*"(@[^"]+)"')


@dataclass(frozen=True)
class Used:
    """A value that a template names, with its place; `file` is a part of the template, or a shared block.

    `field` is what it asks of it, or of a row of it: `name` of `recommendations[0].name`, and of `product.name` in a
    loop over recommendations; `written` is that as the template has it.
    """

    name: str
    file: str
    line: int
    column: int
    field: str = ""
    written: str = ""


class NotRenderedError(RejectedError):
    """This one message can't be rendered; the text says why, without the values."""


class Template:
    """The pinned text of one template for one channel."""

    def __init__(self, channel: Channel, parts: Mapping[str, str], blocks: Mapping[str, str]) -> None:
        self.channel = channel
        self.parts = parts
        self.blocks = blocks

    @property
    def text(self) -> str:
        """Everything that decides what a message says, as one text."""
        return json.dumps({"channel": self.channel, "parts": self.parts, "blocks": self.blocks}, sort_keys=True)

    @property
    def hash(self) -> str:
        """Name that text."""
        return sha256(self.text.encode()).hexdigest()


def load_template(folder: Path, name: str, channel: Channel) -> Template:
    """Read a template from the project's `templates` folder. ConfigurationError names the file that is missing."""
    place = folder / name
    for file in REQUIRED[channel]:
        if not (place / file).is_file():
            raise ConfigurationError(f"the template '{name}' needs this file to go out by {channel}", place / file)
    parts = {file: _read(place / file) for file in PARTS[channel] if (place / file).is_file()}
    shared = sorted((folder / BLOCKS).glob("*")) if channel != "letter" else []
    return Template(channel, parts, {file.name: _read(file) for file in shared if file.is_file()})


class Renderer:
    """Renders pinned templates; each is parsed once. `filters` are those that plugins add."""

    def __init__(self, filters: Mapping[str, Callable[..., str]] | None = None) -> None:
        self._filters = dict(filters or {})
        self._compiled = lru_cache(maxsize=256)(self._compile)

    def render(self, pinned: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Give the parts of a message's content from a pinned template and the values. Raises NotRenderedError."""
        from liquid.exceptions import LiquidError

        channel, parts = self._compiled(pinned)
        content: dict[str, str] = {}
        for file, part in parts.items():
            try:
                text = part if isinstance(part, str) else part.render(**values)
            except LiquidError as error:
                raise NotRenderedError(str(_problem(error, file, Template(**json.loads(pinned))))) from None
            if len(text.encode()) > LONGEST_OUTPUT:
                raise NotRenderedError(f"{file}: the output is longer than {LONGEST_OUTPUT // 1024} kB")
            content[PARTS[channel][file]] = " ".join(text.split()) if file == "subject.txt" else text
        for part_name in ("subject", "text"):
            if part_name in content and not content[part_name].strip():
                raise NotRenderedError(f"the {part_name} is empty")
        return content

    def check(self, template: Template) -> None:
        """Parse a template. ConfigurationError says which files are wrong, and where in them."""
        from liquid.exceptions import LiquidError

        problems: list[Problem] = []
        for file, text in template.parts.items():
            try:
                part = self._parsed(file, text, template.blocks)
                if not isinstance(part, str):
                    problems += _unknown_filters(part, file, template)
                elif file.endswith(".typ"):
                    problems += _packages(part, file)
            except LiquidError as error:
                problems.append(_problem(error, file, template))
        if problems:
            raise ConfigurationError(problems)

    def uses(self, template: Template) -> list[Used]:
        """List the values that a template and the blocks in it name and do not make themselves, each where it stands.

        The template has been checked (`check`).
        """
        _, parts = self._compiled(template.text)
        found: list[Used] = []
        for file, part in parts.items():
            if isinstance(part, str):
                given = _LETTERS_VALUE.finditer(part) if file.endswith(".typ") else ()
                found += (Used(value[1], file, *_place(part, value.start())) for value in given)
                continue
            found += _used(part, file, template)
        return found

    def _compile(self, pinned: str) -> tuple[Channel, dict[str, BoundTemplate | str]]:
        from liquid.exceptions import LiquidError

        given = json.loads(pinned)
        channel: Channel = given["channel"]
        parts: dict[str, BoundTemplate | str] = {}
        for file, text in given["parts"].items():
            try:
                parts[file] = self._parsed(file, text, given["blocks"])
            except LiquidError as error:
                raise NotRenderedError(str(_problem(error, file, Template(**given)))) from None
        return channel, parts

    def _parsed(self, file: str, text: str, blocks: Mapping[str, str]) -> BoundTemplate | str:
        if file.endswith(".typ") or not ("{{" in text or "{%" in text):
            return text
        return self._environment(blocks, escape=file.endswith(".html")).from_string(text, name=file)

    def _environment(self, blocks: Mapping[str, str], *, escape: bool) -> Environment:
        from liquid import StrictUndefined

        environment = _limited()(autoescape=escape, undefined=StrictUndefined, loader=_shared()(dict(blocks)))
        for name, call in self._filters.items():
            environment.add_filter(name, call)
        return environment


@lru_cache
def _limited() -> type[Environment]:
    """Make Liquid's environment with our limits. Liquid is loaded here: a run without news never needs it."""
    from liquid import Environment

    class Limited(Environment):
        output_stream_limit = LONGEST_OUTPUT
        loop_iteration_limit = MOST_TURNS
        context_depth_limit = DEEPEST_CONTEXT
        local_namespace_limit = LONGEST_OUTPUT

    return Limited


@lru_cache
def _shared() -> type[DictLoader]:
    """Make Liquid's loader of shared blocks, each of which is parsed once. It keeps the text, and never the values."""
    from liquid import DictLoader

    class Shared(DictLoader):
        def __init__(self, blocks: dict[str, str]) -> None:
            super().__init__(blocks)
            self._parsed: dict[str, BoundTemplate] = {}

        def load(self, env: Environment, name: str, **_: object) -> BoundTemplate:
            if name not in self._parsed:
                self._parsed[name] = super().load(env, name)
            return self._parsed[name]

    return Shared


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError("a template must be UTF-8 text", file) from None


def _used(part: BoundTemplate, file: str, template: Template) -> list[Used]:
    """List the values that one part names; what a loop calls a row of a list, counts as that list."""
    from liquid import RenderContext

    analysis = part.analyze()
    blocks = {place.span.template_name for places in analysis.variables.values() for place in places} - {file}
    parts = [part, *(part.env.get_template(name) for name in sorted(blocks))]
    named: dict[str, str] = {}
    for node in _nodes((node for it in parts for node in it.nodes), RenderContext(part)):
        loop: Any = getattr(node, "expression", None)
        path = getattr(getattr(loop, "iterable", None), "path", None)
        if path:
            named[loop.identifier] = str(path[0])
    found: list[Used] = []
    rows = {name: of for name, of in named.items() if of in analysis.globals}
    for name in [*analysis.globals, *(name for name in rows if name not in analysis.globals)]:
        places = analysis.globals[name] if name in analysis.globals else analysis.variables.get(name, [])
        for place in places:
            inside, text = _source(place.span.template_name, file, template)
            fields = [str(it) for it in place.segments[1:] if isinstance(it, str) and it not in _OF_A_LIST]
            written = ".".join(str(it) for it in place.segments)
            where = _place(text, place.span.index)
            found.append(Used(rows.get(name, name), inside, *where, fields[0] if fields else "", written))
    return found


def _nodes(nodes: Iterable[Node], context: RenderContext) -> Iterator[Node]:
    """Give all nodes, but for those of shared blocks."""
    for node in nodes:
        yield node
        yield from _nodes(node.children(context, include_partials=False), context)


def _unknown_filters(part: BoundTemplate, file: str, template: Template) -> Iterator[Problem]:
    """Find filters that there are not. Raises LiquidError for a block that there is not, or that is wrong itself."""
    for name, places in part.analyze().filters.items():
        if name not in part.env.filters:
            near = suggest(name, part.env.filters)
            for span in places:
                inside, text = _source(span.template_name, file, template)
                yield Problem(inside, *_place(text, span.index), f"there is no filter '{name}'.{near}".rstrip("."))


def _packages(letter: str, file: str) -> Iterator[Problem]:
    """Find packages that a letter would load: it is set without a way to the network."""
    for found in _PACKAGE.finditer(letter):
        message = f"a letter loads no packages: write what you need of {found[1]} into the template itself"
        yield Problem(file, *_place(letter, found.start(1)), message)


def _source(name: str, file: str, template: Template) -> tuple[str, str]:
    """Give a part or a block as it is told of, and its text."""
    if name == file or name not in template.blocks:
        return file, template.parts[file]
    return f"{BLOCKS}/{name}", template.blocks[name]


def _place(text: str, index: int) -> tuple[int, int]:
    """Give line and column, from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")


def _problem(error: LiquidError, file: str, template: Template) -> Problem:
    """Say what is wrong and where, in the template's own words: Liquid's texts may quote values."""
    token = error.token
    if token is None or token.start_index < 0:
        inside, text = _source(str(error.template_name or file), file, template)
        index, message = _unfinished(text)
        return Problem(inside, *_place(text, index), message) if message else Problem(inside, 0, 0, _plain(error, ""))
    name = next((name for name, text in template.blocks.items() if text == token.source), file)
    inside, text = _source(name if token.source != template.parts[file] else file, file, template)
    written = _WRITTEN.match(token.source, token.start_index)
    message = _plain(error, written[0] if written else token.value)
    return Problem(inside, *_place(text, token.start_index), message)


def _plain(error: LiquidError, word: str) -> str:
    from liquid import exceptions

    match error:
        case exceptions.UndefinedError():
            return f"there is no value '{word}'"
        case exceptions.UnknownFilterError():
            return f"there is no filter '{word}'"
        case exceptions.TemplateNotFoundError():
            return f"there is no block {word}"
        case exceptions.LiquidSyntaxError():
            return str(error.message)
        case exceptions.LoopIterationLimitError():
            return f"its loops go round more than {MOST_TURNS:,} times"
        case exceptions.OutputStreamLimitError() | exceptions.LocalNamespaceLimitError():
            return f"the output is longer than {LONGEST_OUTPUT // 1024} kB"
        case exceptions.ContextDepthError():
            return f"blocks lie in each other more than {DEEPEST_CONTEXT} deep: one that renders itself never ends"
        case exceptions.FilterError() | exceptions.FilterArgumentError():
            return f"the filter '{word}' can not take what it is given"
    return f"{type(error).__name__} at '{word}'"


def _unfinished(text: str) -> tuple[int, str]:
    """Find what Liquid misses the end of: a tag that is never closed, or markup with nothing in it where it needs some.

    Gives where it begins and what is wrong; an empty text where nothing is found.
    """
    from liquid import Environment
    from liquid.exceptions import LiquidSyntaxError

    begun: list[re.Match[str]] = []
    for found in _MARKUP.finditer(text):
        name = found[1] or ""
        try:
            Environment().from_string(found[0] + (f"{{% end{name} %}}" if name in _BLOCK_TAGS else ""))
        except LiquidSyntaxError as error:
            if error.token is not None and error.token.start_index < 0:
                return found.start(), f"something is missing in {found[0]}"
        if name in _BLOCK_TAGS:
            begun.append(found)
        elif name.startswith("end") and begun:
            begun.pop()
    return (begun[-1].start(), f"{begun[-1][0]} is never closed") if begun else (0, "")
