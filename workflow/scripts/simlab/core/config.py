"""Configuration: pydantic models complete and check it, and say what is wrong in one line each."""

import difflib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from simlab.core.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[4]
MAX_SEED = 2**63 - 1
MISSING = "missing, it has no default"
MAX_SHOWN, MAX_LINE = 80, 1000
"""Characters of a value and of a line in messages."""
COMPLETE = "complete_message"
"""Type of problems whose message needs no value behind it."""


def _number(value):
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


def _integer(value):
    value = _number(value)
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        if number.is_integer() and abs(number) < 2**53:
            return int(number) if not value.strip().lstrip("+-").isdigit() else int(value)
    return value


Integer = Annotated[int, BeforeValidator(_integer)]
"""A whole number; also "64" and "1e6", as YAML and the command line deliver them; no booleans."""

Number = Annotated[float, BeforeValidator(_number)]
"""A finite number; also "1e9" as text; no booleans."""

Seed = Annotated[Integer, Field(ge=0, le=MAX_SEED)]

ShardSize = Annotated[
    Annotated[Integer, Field(ge=1)] | Literal["auto"] | None,
    AfterValidator(lambda value: None if value == "auto" else value),
]
"""Items of a shard; null and auto, which are None here: `plan.py` decides."""

MAX_NAME = 100
"""Characters of a name: those of logs consist of several, and file names end at 255 bytes."""
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=MAX_NAME)
]


class Section(BaseModel):
    """Base of all configuration models: unknown keys are errors, values cannot be changed later."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        populate_by_name=True,
    )


def parse_config(model, mapping, where="configuration"):
    """`mapping` (nested) as an instance of `model`; all problems in one ConfigError.

    Snakemake hands over `--config 'ptycho={n_images: 64}'` with the number as the string "64",
    and YAML reads 1.0e9 as a string; pydantic converts both.
    """
    if isinstance(mapping, model):
        return mapping
    try:
        return model.model_validate(mapping)
    except ValidationError as error:
        raise refusal(where, _lines(error.errors(), model, mapping)) from None


def refusal(where, problems):
    """ConfigError of the file `where` with one line for each of `problems`, "path: text"."""
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    return ConfigError("\n  ".join([f"{where}: {count}", *map(_one_line, problems)]))


def _one_line(text):
    """`text` without line ends and other control characters, at most MAX_LINE characters."""
    if len(text) > MAX_LINE:
        text = f"{text[: MAX_LINE - 3]}..."
    return _printable(text)


def _printable(text):
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def complete_params(model, mapping):
    """`mapping` completed and checked by `model`, as a dict; for use inside validators.

    Which model applies may depend on another key, so that pydantic cannot know it; the errors
    keep their place in the whole configuration.
    """
    try:
        return model.model_validate(mapping).model_dump()
    except ValidationError as error:
        problems = []
        for p in error.errors():
            kind = p["type"]
            if kind == "extra_forbidden":
                known = _keys_at(model, p["loc"][:-1])
                text = f"unknown key{nearest(p['loc'][-1], known)} (known: {', '.join(known)})"
                kind = PydanticCustomError(COMPLETE, "{text}", {"text": text})
            elif kind == "missing":
                kind = PydanticCustomError(COMPLETE, "{text}", {"text": MISSING})
            else:
                kind = PydanticCustomError("bad_value", "{text}", {"text": message_of(p)})
            problems.append(InitErrorDetails(type=kind, loc=p["loc"], input=p["input"]))
        raise ValidationError.from_exception_data(error.title, problems) from None


def user_path(path):
    """A path of a configuration: relative to the working directory.

    One that starts with `resources/` and is not there is taken from the repository, so that the
    default campaign plans with any `--directory`. ConfigError for what no path can be.
    """
    path = Path(path)
    try:
        there = path.exists()
    except OSError as error:
        raise ConfigError(f"cannot be a path: {shown(str(path))}: {error.strerror}") from None
    if not there and path.parts[:1] == ("resources",):
        shipped = REPOSITORY / path
        if shipped.exists():
            return shipped
    return path


def message_of(problem):
    """What is wrong, of a pydantic problem, without the names of our classes."""
    if problem["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "Input should be a mapping of keys"
    if problem["type"] == "invalid_key":
        return "a key must be text"
    return problem["msg"].removeprefix("Value error, ").replace(" after validation", "")


def published_path(path):
    """A path as published files may name it: relative as it is, absolute ones by their name.

    Those inside the repository are named relative to it.
    """
    path = Path(path)
    if not path.is_absolute():
        return path.as_posix()
    if path.is_relative_to(REPOSITORY):
        return path.relative_to(REPOSITORY).as_posix()
    return path.name


def nearest(word, known):
    """', did you mean X?' for the closest of the `known` words, or ''.

    If none is close as it is written, one that is so in small letters, or begins with `word`.
    """
    word, words = str(word)[:MAX_SHOWN], [str(k) for k in known]
    small = {k.lower(): k for k in words}
    near = difflib.get_close_matches(word, words, n=1) or [
        small[k] for k in difflib.get_close_matches(word.lower(), small, n=1)
    ]
    near = near or [small[k] for k in small if len(word) > 1 and k.startswith(word.lower())]
    return f", did you mean {near[0]}?" if near else ""


def _lines(problems, model, mapping):
    """One line a place; what several members of a union say of one value stands together."""
    places = {}
    for problem in problems:
        path, text, found = _described(problem, model, mapping)
        places.setdefault((path, found), []).append(text)
    return [
        f"{path}: {' or: '.join(dict.fromkeys(texts))}{found}"
        for (path, found), texts in places.items()
    ]


def _described(problem, model, mapping):
    """(dotted path, what is wrong, " (found ...)" or "") of a pydantic problem."""
    loc = _visible(problem["loc"], model, mapping)
    path = ".".join(map(_key, loc)) or "(top level)"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, problem["loc"][:-1])
        hint = nearest(problem["loc"][-1], known)
        return path, f"unknown key{hint} (known: {', '.join(known)})", ""
    if loc[-1:] == ["[key]"]:
        name = shown(problem["input"])
        rule = f"(letters, digits, _ . + -, first a letter or digit, at most {MAX_NAME})"
        return ".".join(map(_key, loc[:-1])), f"{name} is not a usable name {rule}", ""
    if problem["type"] == "missing":
        return path, MISSING, ""
    if problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return _tag_problem(problem, path)
    message = message_of(problem)
    if problem["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        message += nearest(problem["input"], allowed)
    # Rules on several keys name the values they are about; a whole section, cut, would hide them.
    of_section = problem["type"] == "value_error" and isinstance(problem["input"], dict)
    told = problem["type"] == COMPLETE or of_section
    return path, message, "" if told else f" (found {shown(problem['input'])})"


def _tag_problem(problem, path):
    """What is wrong with the key that says which kind of section is meant."""
    context = problem["ctx"]
    path = f"{path}.{context['discriminator'].strip(chr(39))}"
    if problem["type"] == "union_tag_not_found":
        return path, MISSING, ""
    allowed = re.findall(r"'([^']*)'", context["expected_tags"])
    hint = nearest(context["tag"], allowed)
    return path, f"expected {' or '.join(allowed)}{hint}", f" (found {shown(context['tag'])})"


def _visible(loc, model, mapping):
    """The parts of a pydantic location that are keys, not the names of union members."""
    shown, here, kinds = [], mapping, [model]
    for part in loc:
        opaque = Any in kinds
        following = [k for kind in kinds for k in _step(kind, part)]
        if part == "[key]" or _holds(here, part) or following or (opaque and part == loc[-1]):
            shown.append(str(part))
            here = here[part] if _holds(here, part) else None
            kinds = (following or kinds) if opaque else following
    return shown


def _holds(here, part):
    if isinstance(here, dict):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(here)


def _key(part):
    """A key as messages show it."""
    return part if part.isprintable() and len(part) <= MAX_SHOWN else shown(part)


def shown(value):
    """A value as messages show it, in one line and not too long."""
    if isinstance(value, str):
        text = repr(value[: MAX_SHOWN + 1])
    else:
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):  # of keys that are no text, or a number of many digits
            text = _printable(repr(value)) if not isinstance(value, int) else "a huge number"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _keys_at(model, loc):
    """Keys that the model reached by following `loc` from `model` knows, by their aliases."""
    kinds = [model]
    for part in loc:
        following = [k for kind in kinds for k in _step(kind, part)]
        kinds = following or [kind for kind in kinds if _has_tag(kind, part)] or kinds
    keys = []
    for kind in kinds:
        for field, info in getattr(kind, "model_fields", {}).items():
            keys.append(info.alias or field)
    return list(dict.fromkeys(keys))


def _has_tag(kind, tag):
    """Whether a member of a union of sections is the one that `tag` chooses."""
    fields = getattr(kind, "model_fields", {})
    return any(field.default == tag for field in fields.values())


def _step(kind: Any, part):
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            for field, info in member.model_fields.items():
                if part in (field, info.alias):
                    yield from _members(info.annotation)
        elif get_origin(member) is dict:
            yield from _members(get_args(member)[1])
        elif get_origin(member) in (list, tuple) and isinstance(part, int):
            yield from _members(get_args(member)[0])


def _members(annotation):
    """The alternatives of an annotation, without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin is Union or str(origin) == "<class 'types.UnionType'>":
        return [m for a in get_args(annotation) if a is not type(None) for m in _members(a)]
    return [annotation]
