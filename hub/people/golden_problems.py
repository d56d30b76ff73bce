"""What `golden:` of identity.yaml says wrong: fields, rules and connections that there are not, or that do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub.errors import Problem, suggest
from hub.people.survivorship import ADDRESS, CONTACT, DERIVED, SURNAME, groups, own_fields, weighs
from hub.project import Origin, Project
from hub.project.survivorship import RULES
from hub.schema.tables import POSTAL


def golden_problems(project: Project) -> list[Problem]:
    """Find the mistakes in the rules of the golden record."""
    origin = project.origins.get(("identity",))
    if origin is None:
        return []
    golden = project.identity.golden
    found = [*_together(project, origin), *_rules(golden.default, project, origin, "default")]
    for name, rules in golden.fields.items():
        found += _field(name, rules, project, origin)
    return found


def _together(project: Project, origin: Origin) -> Iterator[Problem]:
    own = own_fields(project.schema)
    taken = dict.fromkeys(SURNAME[1:], SURNAME[0])
    for number, fields in enumerate(project.identity.golden.from_one_record):
        path = ("golden", "from_one_record", number)
        if len(fields) < 2:
            yield origin.at_value(*path, message="fields that come together are two or more: name the others too")
        for place, name in enumerate(fields):
            if name not in own:
                yield origin.at_value(*path, place, message=_no_field(name, own))
            elif name in taken:
                yield origin.at_value(*path, place, message=f"'{name}' comes with '{taken[name]}' already")
            elif name == SURNAME[0] and place:
                yield origin.at_value(*path, place, message=f"'{name}' brings others along: write it first")
            taken[name] = fields[0]


def _field(name: str, rules: Sequence[str], project: Project, origin: Origin) -> Iterator[Problem]:
    own = own_fields(project.schema)
    leader = next((it for it, fields in groups(project.identity.golden).items() if name in fields[1:]), None)
    if leader is not None:
        yield origin.at_key("golden", "fields", name, message=f"'{name}' comes with '{leader}': write the rule there")
    elif name in {column.name for column in POSTAL}:
        yield origin.at_key("golden", "fields", name, message=f"'{name}' comes with 'address': write the rule there")
    elif name not in (*own, *CONTACT, ADDRESS):
        yield origin.at_key("golden", "fields", name, message=_no_field(name, (*own, *CONTACT, ADDRESS)))
    else:
        column = project.schema["person"].column(name)
        type_ = column.type if column is not None else None
        for place, rule in enumerate(rules):
            if not weighs(rule, type_):
                what = f"is {type_}" if type_ else "is several fields"
                yield _at_rule(place, f"'longest' is for text; {name} {what}", origin, "fields", name)
        yield from _rules(rules, project, origin, "fields", name)


def _rules(rules: Sequence[str], project: Project, origin: Origin, *path: str) -> Iterator[Problem]:
    known = [*RULES, *project.connections]
    for place, rule in enumerate(rules):
        if rule not in known:
            near = suggest(rule, known) or f" Rules: {', '.join(RULES)}."
            yield _at_rule(place, f"'{rule}' is no rule and no connection of hub.yaml.{near}", origin, *path)
        elif rule in rules[:place]:
            yield _at_rule(place, f"'{rule}' stands here twice: it decides where it stands first", origin, *path)


def _at_rule(place: int, message: str, origin: Origin, *path: str) -> Problem:
    """Point at a rule: in its list, or the one rule that stands there alone."""
    listed = isinstance(origin.document.get((*origin.path, "golden", *path)), list)
    return origin.at_value("golden", *path, *((place,) if listed else ()), message=message)


def _no_field(name: str, known: Sequence[str]) -> str:
    if name in DERIVED:
        return f"'{name}' is filled by the hub: it has nothing to choose from"
    return f"person has no field '{name}' to choose.{suggest(name, known)}"
