"""References made from the models, so that they cannot fall behind: `python -m simlab.schema WHAT`.

WHAT is `campaign` (JSON schema of the configuration, for editors), `configuration DOMAIN` (tables
of all keys) or `commands DOMAIN` (tables of all options), the last two as pages of the
documentation.
"""

import dataclasses
import inspect
import json
import re
import sys
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typer.models import ArgumentInfo

from simlab.afm.aux_options import AUX_OPTIONS, AuxMapEntry
from simlab.afm.config import DatasetConfig as AfmDataset
from simlab.calcium.config import CalciumDataset
from simlab.campaign import Campaign
from simlab.halo.config import DatasetConfig as HaloDataset
from simlab.lensing.config import DatasetConfig as LensingDataset
from simlab.ptycho.config import DatasetConfig as PtychoDataset
from simlab.ptycho.kinds import LAYOUT_OPTIONS, OBJECT_PARAMS, PROBE_PARAMS
from simlab.schema_types import TYPE_NAMES, default_text, members_of, type_text

UNITS = (
    "px|radians|counts|um|1/µm|µm/µm|µm|nm|m|Mpc/h|Msun/h|GB|Å|Å²|Hz|N/m|e|eV/Å|e/Å³|points per Å"
)
WORDS = "s|seconds|degrees|electrons RMS|intensity units"
"""Units that are words of sentences too; they come after a comma."""
UNIT = re.compile(rf"(?:(?:^|,? ?\b)({UNITS})|, ({WORDS}))(?:(?=[,;:]|$)[,;:]? ?|(?= \())")
NAMED_UNITS = {"photons per pattern": "photons", "counts per pixel": "counts", "count;": "counts"}
PTYCHO_KINDS = {
    "object.params": ("object.kind", OBJECT_PARAMS),
    "probe.params": ("probe.kind", PROBE_PARAMS),
    "scan.options": ("scan.layout", LAYOUT_OPTIONS),
}
"""Keys whose content depends on another key."""


@dataclasses.dataclass(frozen=True)
class Domain:
    """What the pages of a domain are made of.

    Attributes
    ----------
    title : str
    dataset : type
        Model of a data set.
    kinds : dict
        Key -> (key it depends on, {value of that: model}).
    required : str
        Which keys a data set must have.
    commands_note : str
    """

    title: str
    dataset: type
    kinds: dict
    required: str
    commands_note: str


DOMAINS = {
    "ptycho": Domain(
        "Ptychography",
        PtychoDataset,
        PTYCHO_KINDS,
        "No key is required, and\n`{}` is a data set;",
        "What the\noptions of `simulate` do in detail is told by the",
    ),
    "afm": Domain(
        "Atomic force microscopy",
        AfmDataset,
        {"aux_maps": ("aux_maps", AUX_OPTIONS)},
        "No key is required, and\n`{}` is the published example;",
        "What the\noptions of `generate` do in detail is told by the",
    ),
    "halo": Domain(
        "Halo maps",
        HaloDataset,
        {},
        "Only `source.kind` is\nrequired, and the folders with `kind: camels`;",
        "What the\noptions of `process-simulations` do in detail is told by the",
    ),
    "calcium": Domain(
        "Calcium movies",
        CalciumDataset,
        {},
        "Either `spec` or\n`preset` is required;",
        "What the\nkeys of a specification mean is told by the",
    ),
    "lensing": Domain(
        "Gravitational lensing",
        LensingDataset,
        {},
        "No key is required, and\n`{}` is a data set;",
        "Exit status 3:\n`datagen` drew no row, `compare` found a difference. "
        "What the\nsettings of `datagen` do is told by the",
    ),
}

CONFIGURATION_HEAD = """\
# {title}: configuration keys

All keys of one data set, `{name}.datasets.NAME`. `make schemas` writes this page from the models in
`workflow/scripts/simlab/{name}/config.py`; a test compares. {required}
`null` means what the last column says. Numbers may be written as text, so that `1.0e9`, which YAML
reads as text, is a number. How the keys go together is told in [How to]({name}-how-to.md).
"The original tool" is the program whose files and random draws can be reproduced.
"""
COMMANDS_HEAD = """\
# {title}: commands

All options of `simlab {name} COMMAND`. `make schemas` writes this page from the commands
themselves; a test compares. Options may be spelled with dashes or underscores. A command exits
with 0 when done, 1 for an error that is reported in one line, 2 for a wrong command line.
"The original tool" is the program whose random draws can be reproduced. {commands_note}
[configuration keys]({name}-configuration.md) they set.
"""
SHARED_HEAD = """\
## Options of simulate, doses and lines

An option wins over `--simulation-config`, and that over the default.
"""
FLAG_DEFAULTS = {True: "on", False: "off", None: ""}
SHARED_NOTE = "And the [shared options](#options-of-simulate-doses-and-lines).\n"
OPTIONAL_NOTE = " Left out (`null`) by default; the defaults below hold once it is there."


def campaign_schema():
    """JSON schema of a campaign file, as text."""
    return json.dumps(Campaign.model_json_schema(), indent=1, sort_keys=True) + "\n"


def configuration_page(name):
    """Tables of all keys of a data set of domain `name`, as Markdown."""
    domain = DOMAINS[name]
    head = CONFIGURATION_HEAD.format(name=name, **vars(domain))
    parts = [head, *_sections(domain.dataset, _defaults(domain.dataset))]
    for key, (chooser, models) in domain.kinds.items():
        parts.append(f"## {key}\n\nBy `{chooser}`.\n")
        for kind, model in models.items():
            parts.append(f"### {chooser.split('.')[0]}: {kind}\n\n{_sentence(model)}\n")
            if model.model_fields:
                parts.append(configuration_table(model))
    return "\n".join(parts)


def configuration_table(model, defaults=None):
    """Markdown table of the keys of one model; sections of their own are left out.

    `defaults`: an instance that tells defaults which depend on other keys; None = the fields'.
    """
    rows = []
    for name, field in model.model_fields.items():
        if _sections_of(field.annotation):
            continue
        default = field.get_default(call_default_factory=True)
        if defaults is not None and field.annotation is not dict:
            default = getattr(defaults, name, default)
        meaning, unit = _meaning_and_unit(field.description or "")
        key = f"`{field.alias or name}`"
        rows.append((key, type_text(field), default_text(default), unit, meaning))
    return _table(("key", "type", "default", "unit", "meaning"), rows)


def commands_page(name):
    """Tables of all options of the commands of domain `name`, as Markdown."""
    app, shared = _commands(name)
    names = {field.name for field in dataclasses.fields(shared)} if shared else None
    parts = [COMMANDS_HEAD.format(name=name, **vars(DOMAINS[name]))]
    for command in app.registered_commands:
        called = command.name or command.callback.__name__
        own = inspect.signature(command.callback).parameters.values()
        parts.append(f"## {called}\n\n{inspect.cleandoc(command.callback.__doc__)}\n")
        if names and names <= {parameter.name for parameter in own}:
            parts.append(SHARED_NOTE)
            own = [parameter for parameter in own if parameter.name not in names]
        parts.append(options_table(own))
    if shared:
        every = inspect.signature(shared).parameters.values()
        parts += [SHARED_HEAD, options_table(every)]
    return "\n".join(parts)


def _commands(name):
    """(app, options that several commands share or None) of a domain."""
    if name == "ptycho":
        from simlab.ptycho.cli import SimulationOptions, app

        return app, SimulationOptions
    if name == "afm":
        from simlab.afm.cli import app
    elif name == "calcium":
        from simlab.calcium.cli import app
    elif name == "lensing":
        from simlab.lensing.cli import app
    else:
        from simlab.halo.cli import app
    return app, None


def options_table(parameters):
    """Markdown table of options, from the parameters of a command."""
    rows = []
    for parameter in parameters:
        if not get_args(parameter.annotation):  # the context, which is no option
            continue
        annotation, info = get_args(parameter.annotation)
        kinds = [kind for kind, _ in members_of(annotation) if kind is not NoneType]
        kind = get_args(kinds[0])[0] if get_origin(kinds[0]) is list else kinds[0]
        kind_text = "flag" if kind is bool else _option_type(kind)
        kind_text += f" >= {info.min}" if info.min is not None else ""
        meaning, told = _without_default(info.help or "")
        if parameter.default is inspect.Parameter.empty:
            default = "required"
        elif kind is bool:
            default = FLAG_DEFAULTS[parameter.default] or told
        elif isinstance(getattr(info, "show_default", None), str):
            default = info.show_default
        else:
            default = told or _option_default(parameter.default)
        names = ", ".join(f"`{name}`" for name in _option_names(parameter.name, info))
        rows.append((names, kind_text, default, meaning))
    return _table(("option", "type", "default", "meaning"), rows)


def _option_type(kind):
    """Of an option; a tuple is given as its values with spaces between."""
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    if get_origin(kind) is not tuple:
        return TYPE_NAMES[kind]
    members = [TYPE_NAMES[member] for member in get_args(kind)]
    same = len(set(members)) == 1
    return f"{len(members)} {members[0]}s" if same else ", ".join(members)


def _option_default(value):
    if isinstance(value, tuple):
        return " ".join(map(_option_default, value))
    if value in (None, ""):
        return ""
    return f"{value:g}" if isinstance(value, float) and abs(value) >= 1e6 else str(value)


def _option_names(name, info):
    if isinstance(info, ArgumentInfo):
        return [name.upper()]
    # in an annotation, typer keeps the first of several names in the place of the default
    declared = [info.default, *(info.param_decls or ())]
    return [text for text in declared if isinstance(text, str)] or ["--" + name.replace("_", "-")]


def _without_default(text):
    """A help text without its "(default: ...)", and what that says."""
    told = re.search(r" ?[(\[]default: (.+?)[)\]]$", text)
    return (text[: told.start()], told[1]) if told else (text, "")


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n" for cells in lines
    )


def _sections(model, defaults, path=""):
    """Heading and table of a section and of those in it; `defaults` is its instance or None."""
    title = path or "Top level"
    note = OPTIONAL_NOTE if defaults is None else ""
    yield f"## {title}\n\n{_sentence(model)}{note}\n"
    yield configuration_table(model, _defaults(model) if defaults is None else defaults)
    for name, field in model.model_fields.items():
        found = _sections_of(field.annotation)
        inside = f"{path}.{name}".lstrip(".")
        if len(found) == 1:
            given = getattr(defaults, name, None)
            given = next(iter(given), None) if isinstance(given, list) else given
            yield from _sections(found[0], given, inside)
        for member in found if len(found) > 1 else ():
            kind = member.model_fields[_chooser(member)].default
            yield from _sections(member, _defaults(member), f"{inside}: {kind}")


def _chooser(member):
    """The key that says which of several sections is meant: the one with a single value."""
    return next(
        name
        for name, field in member.model_fields.items()
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
    )


def _defaults(model):
    """An instance with all defaults, or as far as they go where keys are required."""
    try:
        return model()
    except ValidationError:
        return model.model_construct()


def _sentence(model):
    return model.__doc__.strip().splitlines()[0]


def _sections_of(annotation):
    """The models that are sections of their own: all of the field's types, null left out."""
    kinds = [kind for kind, _ in members_of(annotation) if kind is not NoneType]
    if len(kinds) == 1 and get_origin(kinds[0]) is list:  # a list of sections, each the same
        kinds = [kind for kind, _ in members_of(get_args(kinds[0])[0])]
    models = [
        kind
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not AuxMapEntry
    ]
    return models if len(models) == len(kinds) else []


def _meaning_and_unit(description):
    """The description without its unit, and the unit."""
    found = UNIT.search(description)
    if found:
        before, after = description[: found.start()], description[found.end() :]
        between = "" if after.startswith(" (") else "; "
        meaning = between.join(part for part in (before.rstrip(",; "), after) if part)
        return meaning, found[1] or found[2]
    unit = next((unit for words, unit in NAMED_UNITS.items() if words in description), "")
    return description, unit


PAGES = {
    "campaign": campaign_schema,
    "configuration": configuration_page,
    "commands": commands_page,
}

if __name__ == "__main__":
    print(PAGES[sys.argv[1]](*sys.argv[2:]), end="")
