"""YAML and JSON files: every key once, and no aliases that multiply the file."""

import json

import yaml

from simlab.core.errors import InputFileError
from simlab.core.files import open_input
from simlab.core.inputs import one_line

# Values of a YAML file, those behind aliases counted at every use.
MAX_YAML_VALUES = 1_000_000
# Beside its own, the loader lets errors of Python's numbers, dates, tags and texts through.
UNREADABLE = (
    yaml.YAMLError,
    ValueError,
    KeyError,
    AttributeError,
    RecursionError,
    OverflowError,
)


def read_yaml(path):
    """The mapping in a YAML or JSON file."""
    with open_input(path) as stream:
        text = stream.read()
    try:
        content = load_yaml(text)
    except UNREADABLE as error:
        raise InputFileError(f"{path}: not a YAML file ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise InputFileError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    return content


class StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, and aliases that multiply the file."""

    def compose_document(self):
        """The document, checked before anything is made of it."""
        node = super().compose_document()
        self._count(node, {}, ())
        return node

    def _count(self, node, counts, above):
        """Values below a node with every alias followed; a node inside itself is an error."""
        if id(node) in above:
            raise yaml.composer.ComposerError(None, None, "an alias of itself", node.start_mark)
        if id(node) not in counts:
            below = () if isinstance(node, yaml.ScalarNode) else node.value
            if isinstance(node, yaml.MappingNode):
                self._refuse_twins(node)
                below = [part for pair in node.value for part in pair]
            inside = (*above, id(node))
            counts[id(node)] = 1 + sum(self._count(part, counts, inside) for part in below)
        if counts[id(node)] > MAX_YAML_VALUES:
            raise yaml.composer.ComposerError(
                None, None, f"aliases make more than {MAX_YAML_VALUES} values", node.start_mark
            )
        return counts[id(node)]

    @staticmethod
    def _refuse_twins(node):
        names = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in names:
                    raise yaml.composer.ComposerError(
                        None, None, f"key {key.value!r} is given twice", key.start_mark
                    )
                names.add((key.tag, key.value))


def load_yaml(text):
    """The value of a YAML or JSON text (str or bytes); an error of UNREADABLE for what is none."""
    try:
        # JSON is YAML, but for tabs and for numbers as 1e5
        return json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        json_error = error
    try:
        return yaml.load(text, StrictLoader)
    except UNREADABLE as error:
        tabs = "\\t" in str(getattr(error, "problem", ""))
        if tabs and text.lstrip()[:1] in ("{", b"{"):
            raise json_error from None  # of JSON the YAML loader only says that there are tabs
        raise


def _without_twins(pairs):
    """A mapping; ValueError for a key given twice, which YAML then names with its line."""
    mapping = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"key {key!r} is given twice")
        mapping[key] = value
    return mapping
