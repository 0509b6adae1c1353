"""Configurations with something wrong in them: valid ones, changed at random places."""

import copy
import functools

import yaml
from five_domains import CAMPAIGN
from hypothesis import strategies as st

from simlab.core.config import REPOSITORY

NUMBERS = [0, 1, -1, 2, 3, 7, 0.5, -0.5, 1.5, 255, 256, 20_000, 10**5, 10**6, 10**9, 10**12]
NUMBERS += [10**30, -(10**30), 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 1e5, 1e12, 1e300]
NUMBERS += [-1e300, 1e-9, 1e-300, 5e-324]
SPECIAL = [float("nan"), float("inf"), -float("inf"), None, True, False]
WORDS = ["", " ", "1e9", "64", "0x10", "nan", "inf", "-1", "1_000", "true", "null", "auto"]
WORDS += ["..", "../x", "/etc/passwd", "a/b", ".hidden", "-x", "a\nb", "{shard}", "{x", "%00"]
WORDS += ["\x00", "größe", "名前", "\x1b[31m", "x" * 300, "x" * 100_000, "no/such/file.npz", "*"]
WORDS += ["file", "numba", "opencl", "identity", "SIS", "Raytrace", "resources/", "~", ".", "["]
NESTED = [[], {}, [[]], [{}], {"": {}}, {"a": 1}, [1, 2], [1, 2, 3], ["a"], [None], {1: 2}]
NESTED += [[[1, 2], [3, 4]], {"kind": "file"}, [0, 0], [1, 0], [1e12, 1e13], list(range(2000))]
NESTED += [[float("nan")] * 3, [[0, 0, 0], [1, 1, 1]], {"range": [1, 0]}, {None: None}]
NESTED += [
    {"integers": [0, 10**30]},
    {"log_uniform": [1e-300, 1e300]},
    {"uniform": [-1e308, 1e308]},
]

values = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(SPECIAL),
    st.sampled_from(WORDS),
    st.sampled_from(NESTED),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
).map(copy.deepcopy)


KINDS = ["near", "near", "near", "value", "value", "add", "key", "drop", "more", "swap", "swap"]


@functools.cache
def bases(domain):
    """Valid data sets of a domain: of the default campaign, the named ones and the tiny one."""
    found = [CAMPAIGN[domain]["datasets"]["tiny"]]
    files = [REPOSITORY / "config/config.yaml"]
    files += sorted((REPOSITORY / "config/campaigns").glob("*.yaml"))
    for file in files:
        content = yaml.safe_load(file.read_text())
        found += content.get(domain, {}).get("datasets", {}).values()
    return found


def places(value, path=()):
    """Paths of everything inside a nested value."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def _misspelled(key, at):
    text = str(key)
    cut = at % len(text) if text else 0
    return [text[:cut] + text[cut + 1 :], text[:cut] + "x" + text[cut:], text.upper()][at % 3]


@st.composite
def mutated(draw, domain, known):
    """A campaign of one domain with one to three changes.

    `known`: {key: values} that any valid configuration or the schema has, to be put elsewhere.
    """
    dataset = copy.deepcopy(draw(st.sampled_from(bases(domain))))
    campaign = {domain: {"datasets": {"one": dataset}}}
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        campaign = draw(_changed(campaign, known))
        if not isinstance(campaign, dict):
            break
    return campaign


def _near(value):
    """Values of the same kind as `value`, of which many are valid."""
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int | float):
        near = [value + 1, value - 1, value * 2, value / 2, value * 1000, value * 10**6, -value]
        return st.sampled_from([*near, value + 0.5, value / 1000, str(value), f"{value:e}", 0])
    if isinstance(value, list):
        value = copy.deepcopy(value)
        return st.sampled_from([value[::-1], value[:1], value * 2, value * 300, [value], []])
    if isinstance(value, str):
        return st.sampled_from([value.upper(), value[:-1], f"./{value}", f"{value} ", [value]])
    return values


@st.composite
def _changed(draw, campaign, known):
    inside = [path for path in places(campaign) if len(path) > 3] or list(places(campaign))
    path = draw(st.sampled_from(inside if draw(st.integers(0, 9)) else list(places(campaign))))
    if not path:
        return draw(values)
    parent, key = _at(campaign, path[:-1]), path[-1]
    kind = draw(st.sampled_from(KINDS))
    if kind == "near":
        parent[key] = draw(_near(parent[key]))
    elif kind == "value":
        parent[key] = draw(values)
    elif kind == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(sorted(known)))] = draw(values)
    elif kind == "swap" and isinstance(parent, dict):
        name = draw(st.sampled_from(sorted(known)))
        parent[name] = copy.deepcopy(draw(st.sampled_from(known[name])))
    elif kind == "key" and isinstance(parent, dict):
        parent[_misspelled(key, draw(st.integers(0, 20)))] = parent.pop(key)
    elif kind == "drop":
        del parent[key]
    elif isinstance(parent, list):
        parent.extend([copy.deepcopy(parent[key])] * draw(st.sampled_from([1, 2, 5000])))
    else:
        parent[draw(st.sampled_from(WORDS))] = copy.deepcopy(parent[key])
    return campaign


def known_keys(schema, domain):
    """{key: values} of a domain: every key of its schema, with its enumerations and examples."""
    found, seen = {}, set()

    def of_schema(node):
        if isinstance(node, dict):
            reference = node.get("$ref", "").rsplit("/", 1)[-1]
            if reference and reference not in seen:
                seen.add(reference)
                of_schema(schema["$defs"][reference])
            for key, inner in (node.get("properties") or {}).items():
                if isinstance(inner, dict):
                    found.setdefault(key, []).extend(_examples(inner))
            for inner in node.values():
                of_schema(inner)
        elif isinstance(node, list):
            for inner in node:
                of_schema(inner)

    def of_value(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                found.setdefault(str(key), []).append(inner)
                of_value(inner)
        elif isinstance(value, list):
            for inner in value:
                of_value(inner)

    of_schema(schema["properties"][domain])
    for dataset in bases(domain):
        of_value(dataset)
    return {key: options or [1] for key, options in found.items()}


def _examples(node):
    found = [*node.get("enum", []), *([node["default"]] if "default" in node else [])]
    for inner in (*node.get("anyOf", []), *node.get("oneOf", [])):
        found += _examples(inner)
    if isinstance(node.get("items"), dict):
        found += [[item] for item in _examples(node["items"])]
    return found
