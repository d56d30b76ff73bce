"""Templates: what they may say, what they may not, and that pinned bytes stay the same."""

from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.templates import LONGEST_OUTPUT, NotRenderedError, Renderer, Template, load_template

PERSON = {"salutation": "mevrouw Jansen", "given_name": "<b>Anna</b>", "species": "cat", "unsubscribe_url": ""}


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        place = tmp_path / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return tmp_path


def email(**parts: str) -> Template:
    given = {"subject.txt": "Welkom", "email.txt": "Beste {{ salutation }}", **parts}
    return Template("email", given, {})


def test_a_mail_has_a_subject_a_text_and_html_whose_values_are_escaped(tmp_path: Path) -> None:
    place = folder(
        tmp_path,
        welcome__subject_dot_txt="Welkom\n  {{ given_name }}\n",
        welcome__email_dot_txt="Beste {{ salutation }}, {{ given_name }}",
        welcome__email_dot_html="<p>{{ given_name }}</p>",
    )
    content = Renderer().render(load_template(place, "welcome", "email").text, PERSON)
    assert content == {
        "subject": "Welkom <b>Anna</b>",
        "text": "Beste mevrouw Jansen, <b>Anna</b>",
        "html": "<p>&lt;b&gt;Anna&lt;/b&gt;</p>",
    }


def test_a_subject_is_one_line_so_no_header_can_be_smuggled_in() -> None:
    content = Renderer().render(
        email(**{"subject.txt": "Dag {{ given_name }}"}).text, {**PERSON, "given_name": "Anna\r\nBcc: all@example.nl"}
    )
    assert content["subject"] == "Dag Anna Bcc: all@example.nl"


def test_blocks_are_shared_and_pinned_with_the_template(tmp_path: Path) -> None:
    place = folder(
        tmp_path,
        welcome__sms_dot_txt="Hallo {% render 'name.txt', name: salutation %}",
        blocks__name_dot_txt="{{ name }}!",
    )
    before = load_template(place, "welcome", "sms")
    folder(tmp_path, blocks__name_dot_txt="{{ name }}?")
    after = load_template(place, "welcome", "sms")
    assert before.hash != after.hash
    renderer = Renderer()
    assert renderer.render(before.text, PERSON) == {"text": "Hallo mevrouw Jansen!"}
    assert renderer.render(after.text, PERSON) == {"text": "Hallo mevrouw Jansen?"}


def test_a_shared_block_says_to_each_reader_what_is_theirs(tmp_path: Path) -> None:
    place = folder(
        tmp_path,
        welcome__sms_dot_txt="{% render 'name.txt', name: salutation %} {% render 'gone.txt', name: 'a' %}",
        blocks__name_dot_txt="Hallo {{ name }}",
        blocks__gone_dot_txt="{{ nickname }}",
    )
    welcome = load_template(place, "welcome", "sms").text
    renderer = Renderer()
    with pytest.raises(NotRenderedError, match="there is no value 'nickname'"):
        renderer.render(welcome, PERSON)
    folder(tmp_path, blocks__gone_dot_txt="{% assign name = 'nobody' %}{{ name }}")
    welcome = load_template(place, "welcome", "sms").text
    for salutation in ("mevrouw Jansen", "heer Özil", "mevrouw Jansen"):
        assert renderer.render(welcome, {"salutation": salutation}) == {"text": f"Hallo {salutation} nobody"}


def test_a_letter_is_typst_and_is_not_touched_by_liquid(tmp_path: Path) -> None:
    place = folder(tmp_path, card__letter_dot_typ="#let x = {{1}}")
    assert Renderer().render(load_template(place, "card", "letter").text, {}) == {"typst": "#let x = {{1}}"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path, welcome__subject_dot_txt="Welkom")
    with pytest.raises(ConfigurationError, match=r"welcome/email.txt: the template 'welcome' needs this file"):
        load_template(place, "welcome", "email")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path, welcome__sms_dot_txt="")
    (place / "welcome" / "sms.txt").write_bytes("één".encode("cp1252"))
    with pytest.raises(ConfigurationError, match=r"sms.txt: a template must be UTF-8 text"):
        load_template(place, "welcome", "sms")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Dag\n{{ nobody.knows }}", r"email.txt:2:4: there is no value 'nobody.knows'"),
        ("{{ salutation | shout }}", "email.txt:1:17: there is no filter 'shout'"),
        ("{% if salutation %}", r"email.txt:1:1: \{% if salutation %\} is never closed"),
        ("{% include given_name %}", "email.txt:1:12: there is no block given_name"),
        ("{% render '../../hub.yaml' %}", "email.txt:1:11: there is no block '"),
        ("{{ salutation | slice: given_name }}", "email.txt:1:17: the filter 'slice' can not take what it is given"),
        ("{% for i in (1..20000) %}{{ i }}{% endfor %}", "email.txt:1:4: its loops go round more than 10,000 times"),
        ("{% for i in (1..500) %}{% for j in (1..500) %}{% endfor %}{% endfor %}", "its loops go round more than"),
        ("   ", "the text is empty"),
    ],
)
def test_what_can_not_be_rendered_says_where_and_why_and_never_a_value(text: str, reason: str) -> None:
    with pytest.raises(NotRenderedError, match=reason) as caught:
        Renderer().render(email(**{"email.txt": text}).text, {**PERSON, "given_name": "piet@example.nl"})
    assert "piet" not in str(caught.value)


def test_output_has_a_limit() -> None:
    values = {**PERSON, "given_name": "x" * (LONGEST_OUTPUT // 2)}
    with pytest.raises(NotRenderedError, match=r"OutputStreamLimitError|longer than 512 kB"):
        Renderer().render(email(**{"email.txt": "{{ given_name }}{{ given_name }}{{ given_name }}"}).text, values)


def test_templates_reach_no_attributes_of_objects() -> None:
    with pytest.raises(NotRenderedError, match=r"there is no value 'given_name\.__class__'"):
        Renderer().render(email(**{"email.txt": "{{ given_name.__class__ }}"}).text, PERSON)


def test_plugins_add_filters() -> None:
    renderer = Renderer({"loud": lambda text: str(text).upper()})
    assert renderer.render(email(**{"email.txt": "{{ salutation | loud }}"}).text, PERSON)["text"] == "MEVROUW JANSEN"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Dag\n {% if salutation %}", "email.txt:2:2: {% if salutation %} is never closed"),
        ("{% for x in %}x{% endfor %}", "email.txt:1:1: something is missing in {% for x in %}"),
        ("Dag {{ salutation | }}", "email.txt:1:5: something is missing in {{ salutation | }}"),
        ("{% fro x in y %}", "email.txt:1:4: unexpected tag 'fro'"),
        ("{{ salutation | upcas }}", "email.txt:1:17: there is no filter 'upcas'. Did you mean 'upcase'?"),
        ("{% render 'gone.txt' %}", "email.txt:1:11: there is no block 'gone.txt'"),
        ("{% render 'wrong.txt' %}", "blocks/wrong.txt:2:1: {% case a %} is never closed"),
    ],
)
def test_a_wrong_template_is_a_mistake_of_the_configuration_with_its_place(text: str, told: str) -> None:
    template = Template("email", {"subject.txt": "{{", "email.txt": text}, {"wrong.txt": "\n{% case a %}"})
    with pytest.raises(ConfigurationError) as caught:
        Renderer().check(template)
    assert [str(problem) for problem in caught.value.problems] == [
        told,
        "subject.txt:1:1: expected '}}', found end of file",
    ]


def test_a_letter_that_would_load_a_package_is_told_of_beforehand() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Renderer().check(Template("letter", {"letter.typ": 'Dag\n#import "@preview/cetz:0.3.1": canvas'}, {}))
    (told,) = caught.value.problems
    assert str(told).startswith(
        "letter.typ:2:10: a letter loads no packages: write what you need of @preview/cetz:0.3.1"
    )


def test_a_block_that_renders_itself_ends_as_one_message_that_is_not_rendered() -> None:
    template = Template("sms", {"sms.txt": "{% render 'again.txt' %}"}, {"again.txt": "{% render 'again.txt' %}"})
    Renderer().check(template)
    with pytest.raises(NotRenderedError, match="one that renders itself never ends"):
        Renderer().render(template.text, {})


def test_a_template_tells_what_it_asks_of_the_rows_of_a_list_in_loops_and_blocks_too() -> None:
    text = (
        "{{ tips[0].nme }} {{ tips.first.key }} {% for it in tips %}{{ it.price }}{% render 'b', it: it %}{% endfor %}"
    )
    uses = Renderer().uses(Template("sms", {"sms.txt": text}, {"b": "\n{{ it.url }}"}))
    assert {(it.name, it.field, it.file, it.line, it.column) for it in uses if it.field} == {
        ("tips", "nme", "sms.txt", 1, 4),
        ("tips", "key", "sms.txt", 1, 22),
        ("tips", "price", "sms.txt", 1, 63),
        ("tips", "url", "blocks/b", 2, 4),
    }


def test_a_letter_tells_the_values_that_it_can_not_do_without() -> None:
    letter = '#let who = data.at("nobody", default: none)\n#data.city #upper(data.town) metadata.x data.len()'
    uses = Renderer().uses(Template("letter", {"letter.typ": letter}, {}))
    assert [(it.name, it.line, it.column) for it in uses] == [("city", 2, 2), ("town", 2, 19)]
