"""A strict reader of XML by an XML Schema: of the schema's language it knows what ours uses, and refuses the rest."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

_XS = "{http://www.w3.org/2001/XMLSchema}"
_BUILT_IN = {"xs:string": r"(?s:.*)", "xs:positiveInteger": r"\+?0*[1-9][0-9]*", "xs:nonNegativeInteger": r"\+?[0-9]+"}


class InvalidError(Exception):
    """The document is not what the schema says."""


def read(document: bytes, schema: Path) -> ElementTree.Element:
    """Give the document's root. Raises InvalidError where it is not by the schema."""
    top = ElementTree.parse(schema).getroot()
    types = {str(part.get("name")): part for part in top if part.tag != f"{_XS}element"}
    (element,) = top.findall(f"{_XS}element")
    root = ElementTree.fromstring(document)
    _element(root, element, types)
    return root


def _element(node: ElementTree.Element, said: ElementTree.Element, types: Mapping[str, ElementTree.Element]) -> None:
    if node.tag != said.get("name"):
        raise InvalidError(f"<{node.tag}> where <{said.get('name')}> must be")
    name = said.get("type")
    type_ = types.get(name or "") if name else said[0]
    if type_ is None or type_.tag == f"{_XS}simpleType":
        if len(node) or node.attrib:
            raise InvalidError(f"<{node.tag}> holds more than text")
        _text(node.tag, node.text or "", name or "", types)
        return
    if (node.text or "").strip() or any((child.tail or "").strip() for child in node):
        raise InvalidError(f"<{node.tag}> holds text")
    left, attributes = list(node), dict(node.attrib)
    for part in type_:
        match part.tag.removeprefix(_XS):
            case "sequence":
                for child in part:
                    left = _children(left, child, types)
            case "attribute":
                value = attributes.pop(str(part.get("name")), None)
                if value is None:
                    raise InvalidError(f"<{node.tag}> has no {part.get('name')}")
                _text(str(part.get("name")), value, str(part.get("type")), types)
            case other:
                raise NotImplementedError(other)
    if left or attributes:
        raise InvalidError(f"<{node.tag}> holds more: {[*(child.tag for child in left), *attributes]}")


def _children(
    left: list[ElementTree.Element], said: ElementTree.Element, types: Mapping[str, ElementTree.Element]
) -> list[ElementTree.Element]:
    least = int(said.get("minOccurs", "1"))
    many = said.get("maxOccurs", "1") == "unbounded"
    taken = 0
    while left and left[0].tag == said.get("name") and (many or taken < 1):
        _element(left[0], said, types)
        left, taken = left[1:], taken + 1
    if taken < least:
        raise InvalidError(f"no <{said.get('name')}>")
    return left


def _text(place: str, text: str, name: str, types: Mapping[str, ElementTree.Element]) -> None:
    if name not in types:
        if not re.fullmatch(_BUILT_IN[name], text):
            raise InvalidError(f"{place}: '{text}' is no {name}")
        return
    (restriction,) = types[name]
    _text(place, text, str(restriction.get("base")), types)
    for facet in restriction:
        value = str(facet.get("value"))
        match facet.tag.removeprefix(_XS):
            case "pattern":
                fits = re.fullmatch(value, text) is not None
            case "minLength":
                fits = len(text) >= int(value)
            case other:
                raise NotImplementedError(other)
        if not fits:
            raise InvalidError(f"{place}: '{text}' is no {name}")
