"""How pages look: Liquid templates, each of which a project may replace by one of its own in `templates/pages/`.

`layout.html` is the one to brand: it gets `title`, `content`, `name` (of the project) and `language`. Values are
escaped; templates reach nothing but the values that they are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from liquid import CachingDictLoader, Environment, Markup, StrictUndefined
from liquid.exceptions import LiquidError
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hub.errors import ConfigurationError
from hub.serve.pages.words import language_for, words

FOLDER = Path(__file__).parent / "look"
OWN = "pages"
"""The folder of a project's own templates of pages, below `templates`."""
LAYOUT = "layout.html"
LONGEST = 512 * 1024


class _Limited(Environment):
    output_stream_limit = LONGEST
    loop_iteration_limit = 10_000
    context_depth_limit = 20
    local_namespace_limit = LONGEST


class Look:
    """The pages of one project. Raises ConfigurationError for a template of the project that can't be used."""

    def __init__(self, templates: Path, name: str, locale: str) -> None:
        built_in = {path.name: path for path in FOLDER.glob("*.html")}
        own = {path.name: path for path in (templates / OWN).glob("*.html")}
        texts = {file: path.read_text(encoding="utf-8") for file, path in (built_in | own).items()}
        self._name = name
        self._locale = locale
        self._environment = _Limited(autoescape=True, undefined=StrictUndefined, loader=CachingDictLoader(texts))
        for file, path in own.items():
            self._try(file, path)

    def words(self, request: Request) -> Mapping[str, Any]:
        """Give the words in the language of a request."""
        return words(self.language(request))

    def language(self, request: Request) -> str:
        """Choose the language of a request: `?lang=`, else what the browser asks for, else the project's."""
        accepted = request.headers.get("accept-language", "")
        return language_for(request.query_params.get("lang", ""), accepted, self._locale)

    def named(self, text: str) -> str:
        """Put the project's name into a text."""
        return text.replace("{name}", self._name)

    def page(self, request: Request, template: str, title: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a page. Texts among the values get the project's name."""
        given = {key: self.named(value) if isinstance(value, str) else value for key, value in values.items()}
        content = self._environment.get_template(template).render(**given)
        return HTMLResponse(self._frame(title, content, self.language(request)), status)

    def notice(
        self, request: Request, of: str, title: str = "title", text: str = "text", status: int = 200, link: str = ""
    ) -> HTMLResponse:
        """Render a page that only says something: two of the words of a page."""
        said = self.words(request)[of]
        values = {"text": said[text], "link": link, "link_text": said.get("back" if link else "", "")}
        return self.page(request, "notice.html", said[title], status, **values)

    def not_found(self, request: Request) -> HTMLResponse:
        """Say that a link does not work."""
        return self.notice(request, "not_found", status=404)

    def too_late(self, request: Request) -> HTMLResponse:
        """Say that nothing could be kept just now."""
        return self.notice(request, "too_late", status=503)

    def _frame(self, title: str, content: str, language: str) -> str:
        layout = self._environment.get_template(LAYOUT)
        return layout.render(title=title, content=Markup(content), language=language, name=self._name)

    def _try(self, file: str, path: Path) -> None:
        """Parse a project's template; its layout must show what it is given."""
        try:
            self._environment.get_template(file)
            shown = self._frame("a title", "<p>what it is given</p>", "en") if file == LAYOUT else ""
        except LiquidError as error:
            raise ConfigurationError(f"this page can't be shown: {error.message}", path) from None
        if file == LAYOUT and "<p>what it is given</p>" not in shown:
            raise ConfigurationError("a layout must show {{ content }}: it holds the buttons", path)
