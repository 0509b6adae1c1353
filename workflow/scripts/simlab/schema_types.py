"""Types and defaults of configuration keys in the words of the reference pages."""

import json
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from simlab.afm.aux_options import AuxMapEntry
from simlab.calcium.spec import StepSpec

TYPE_NAMES = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true, false",
    Path: "path",
}
BOUNDS = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}


def members_of(annotation):
    """The alternatives of an annotation and the constraints around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *around = get_args(annotation)
        return [(member, [*limits, *around]) for member, limits in members_of(inner)]
    if origin is not None and (origin.__name__ in ("Union", "UnionType")):
        return [pair for argument in get_args(annotation) for pair in members_of(argument)]
    return [(annotation, [])]


def type_text(field):
    """What may stand in a field, with its limits."""
    texts = [
        _one_type(kind, [*around, *field.metadata]) for kind, around in members_of(field.annotation)
    ]
    return " or ".join(dict.fromkeys(texts))


def _one_type(kind, constraints):
    if kind is NoneType:
        return "null"
    if get_origin(kind) is Literal:
        return ", ".join(str(value) for value in get_args(kind))
    if kind is AuxMapEntry:
        return "name or {name: {arguments}}"
    if isinstance(kind, type) and issubclass(kind, StepSpec):
        return "step"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "{" + ", ".join(f"{name}: ..." for name in kind.model_fields) + "}"
    if get_origin(kind) in (list, tuple):
        arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
        members = [_one_type(k, c) for argument in arguments for k, c in members_of(argument)]
        any_length = get_origin(kind) is list or Ellipsis in get_args(kind)
        if not any_length:
            return f"[{', '.join(map(_as_member, members))}]"
        members = list(dict.fromkeys(members))
        simple = len(members) == 1 and members[0] in TYPE_NAMES.values()
        return f"list of {members[0]}s" if simple else f"list of ({' or '.join(members)})"
    if get_origin(kind) is dict or kind in (dict, Any):
        return "mapping"
    limits = [text for constraint in constraints for text in _limits(constraint)]
    return TYPE_NAMES[kind] + (" " + ", ".join(limits) if limits and kind is not bool else "")


def _as_member(text):
    """Several words in parentheses, where they stand among others."""
    return f"({text})" if ", " in text and not text.startswith("[") else text


def _limits(constraint):
    for kind, (sign, name) in BOUNDS.items():
        if isinstance(constraint, kind):
            yield f"{sign} {_number(getattr(constraint, name))}"
    if isinstance(constraint, MinLen | MaxLen):
        sign, length = (
            (">=", constraint.min_length)
            if isinstance(constraint, MinLen)
            else ("<=", constraint.max_length)
        )
        yield f"{sign} {length} characters"


def _number(value):
    powers = {2**63 - 1: "2^63 - 1", 2**32 - 1: "2^32 - 1", 2**32: "2^32"}
    return powers.get(value) or f"{value:g}"


def default_text(value):
    """A default as Markdown; "required" without one."""
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, bool) or value is None:
        return f"`{json.dumps(value)}`"
    if isinstance(value, dict):
        return "`{}`"
    if isinstance(value, list | tuple):
        return f"`{_listed(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _listed(value):
    """A list as YAML has it in one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_listed, value))}]"
    if isinstance(value, AuxMapEntry):
        return value.name
    return f"{value:g}" if isinstance(value, int | float) else str(value)
