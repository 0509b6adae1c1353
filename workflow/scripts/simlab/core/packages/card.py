"""The card of a data set: what it is, how it was made, how to load it; Markdown for people.

The header in YAML is the one that data set hubs read.
"""

import json
import shutil
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from simlab.core.files import atomic_path, write_text
from simlab.core.packages.croissant import citation, file_groups
from simlab.core.packages.described import licenses
from simlab.core.packages.source import PARTS, arrays_of, holds_arrays
from simlab.core.tables import check_state

LONGEST = 60
"""Characters of a value in a table."""
NUMBERS = ("mean", "std", "min", "max")


def write_card(source, path, place):
    """Write README.md, and preview.png beside it.

    Parameters
    ----------
    source : Source
    path : Path
    place : Path
        Folder of the data set, relative to that of the file.

    Returns
    -------
    list of Path
    """
    described = source.described
    sections = [
        _header(source),
        f"# {source.name}\n\n{described.title}, simulated. {described.what}",
        "![Contact sheet: inputs, outputs, truth](preview.png)",
        _loading(place),
        _samples(source),
        _arrays(source),
        _columns(source),
        _files(source),
        _making(source),
        _statistics(source),
        _checks(source),
        _rights(source),
        "## Limits\n\n" + "\n".join(f"* {text}" for text in described.limits),
        f"## Citation\n\n```bibtex\n{citation(source)}\n```",
    ]
    write_text(path, "\n\n".join(sections) + "\n")
    picture = path.with_name("preview.png")
    with atomic_path(picture) as part:
        shutil.copyfile(source.folder / "preview.png", part)
    return [path, picture]


def _header(source):
    rights, counts = licenses(source.inputs), source.counts()
    lines = ["---", f"pretty_name: {json.dumps(source.name)}"]
    if rights is None:
        lines += ["license: other", "license_name: inputs-of-the-user"]
    elif len(rights) == 1:
        lines += [f"license: {rights[0].lower()}"]
    else:
        lines += ["license:", *(f"  - {name.lower()}" for name in rights)]
    tags = [source.described.title.lower(), "simulation", "simlab"]
    lines += ["tags:", *(f"  - {json.dumps(tag)}" for tag in tags)]
    lines += ["size_categories:", f"  - {_size(len(source.dataset))}"]
    if holds_arrays(source):
        lines += ["configs:", "  - config_name: webdataset", "    data_files:"]
    for split in (split for split in PARTS if split in counts and holds_arrays(source)):
        lines += [f"      - split: {split}", f"        path: webdataset/{split}-*.tar"]
    return "\n".join([*lines, "---"])


def _size(count):
    bounds = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
    return next((name for bound, name in bounds if count < bound), "n>1M")


def _loading(place):
    return f"""## How to load

With simlab installed, from the folder of this card:

```python
import simlab

dataset = simlab.open_dataset({json.dumps(place.as_posix())})
print(len(dataset), "samples")
for name, array in dataset[0].items():
    print(name, array.shape, array.dtype)
```

`split="train"` selects a split, `normalized=True` scales arrays as networks take them."""


def _samples(source):
    rows = [(name, count) for name, count in source.counts().items()]
    return (
        f"## Samples\n\nA sample is {source.described.sample}. They are dealt to splits by "
        f"{source.described.split_unit}.\n\n"
        + table(("split", "samples"), [*rows, ("all", len(source.dataset))])
    )


def _arrays(source):
    rows = [
        (f"`{name}`", shape, dtype, *source.described.array(name))
        for name, (shape, dtype) in arrays_of(source).items()
    ]
    if not rows:
        return "## Arrays\n\nSamples are videos; they hold no arrays."
    return "## Arrays\n\nOf one sample; n differs from sample to sample.\n\n" + table(
        ("array", "shape", "dtype", "unit", "meaning"), rows
    )


def _columns(source):
    rows = [(f"`{name}`", *source.described.column(name)) for name in source.header]
    return "## Columns of index.csv\n\n" + table(("column", "unit", "meaning"), rows)


def _files(source):
    files = source.manifest["files"]
    rows = [
        (f"`{pattern}`", len(group), sum(files[file]["bytes"] for file in group))
        for pattern, group in file_groups(files).items()
    ]
    total = ("all", len(files), sum(entry["bytes"] for entry in files.values()))
    return "## Files\n\nOf the data set; `manifest.json` has their hashes.\n\n" + table(
        ("files", "number", "bytes"), [*rows, total]
    )


def _making(source):
    manifest = source.manifest
    versions = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    texts = descriptions(source.described.model)
    rows = [
        (f"`{name}`", _short(value), texts.get(name, ""))
        for name, value in flat(manifest["spec"])
        if value not in (None, [], {})
    ]
    return (
        f"## How it was made\n\nBy simlab {manifest['versions']['simlab']}, code "
        f"`{manifest['code']}`, seed {manifest['seed']}, with {versions}. The same configuration "
        "gives the same bits. Keys that are null or empty are left out; the whole configuration is "
        "in `manifest.json`.\n\n" + table(("key", "value", "meaning and unit"), rows)
    )


def _statistics(source):
    rows = [
        (f"`{name}`", *(values.get(key) for key in NUMBERS))
        for name, values in moments(source.normalization)
    ]
    transform, *_ = source.normalization.get("transform", "").split(",")
    of = f" Numbers of `fields` are those of {transform}." if transform else ""
    return (
        f"## Normalization\n\nOver the {source.normalization['n_samples']} samples of the training "
        f"split.{of} `normalization.json` holds more.\n\n" + table(("quantity", *NUMBERS), rows)
    )


def _checks(source):
    states = [check_state(row) for row in source.checks]
    rows = [
        (f"`{row['id']}`", row["measured"], row["bound"], row["unit"], row["what"])
        for row, state in zip(source.checks, states, strict=True)
        if state == "passed"
    ]
    skipped = [
        f"`{row['id']}`" for row, s in zip(source.checks, states, strict=True) if s != "passed"
    ]
    further = f"\n\nDid not apply: {', '.join(skipped)}." if skipped else ""
    return f"## Checks\n\n{len(rows)} checks passed.\n\n" + (
        table(("check", "measured", "bound", "unit", "what is compared"), rows) + further
    )


def _rights(source):
    rights = licenses(source.inputs)
    if rights is None:
        text = "Inputs of the user are in it, whose license only the user knows."
    else:
        text = f"{' AND '.join(rights)}, as the inputs and simlab itself."
    rows = [(f"`{i.name}`", i.origin, i.license or "not known") for i in source.inputs]
    if not rows:
        return f"## License and origin\n\n{text} All inputs are in the configuration."
    return f"## License and origin\n\n{text}\n\n" + table(("input", "origin", "license"), rows)


def table(header, rows):
    """A table in Markdown; None is an empty cell."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value):
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|")


def _short(value):
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}`"


def flat(value, name=""):
    """(dotted key, value) of every value of a configuration; lists are values."""
    if not isinstance(value, dict) or not value:
        yield name, value
        return
    for key, item in value.items():
        yield from flat(item, f"{name}.{key}" if name else key)


def descriptions(model, name=""):
    """{dotted key: description} of a pydantic model and the models in it."""
    texts = {}
    for key, field in model.model_fields.items():
        path = f"{name}.{key}" if name else key
        if field.description:
            texts[path] = field.description
        for inner in _models(field.annotation):
            texts = descriptions(inner, path) | texts
    return texts


def _models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


def moments(values, name=""):
    """(name, mapping) of every mapping in a normalization.json that has a mean and a std.

    Lists of numbers, of channels, give a mapping for each entry.
    """
    if isinstance(values, list):
        for number, item in enumerate(values):
            yield from moments(item, f"{name}[{number}]")
    if not isinstance(values, dict):
        return
    mean = values.get("mean")
    if isinstance(mean, list) and isinstance(values.get("std"), list):
        for channel in range(len(mean)):
            numbers = {key: values[key][channel] for key in NUMBERS if key in values}
            yield f"{name}[{channel}]", numbers
    elif isinstance(mean, int | float) and "std" in values:
        yield name or "all samples", values
    for key, item in values.items():
        yield from moments(item, f"{name}.{key}" if name else key)
