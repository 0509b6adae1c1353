"""Names of the splits in every file; their numbers are their places."""

SPLITS = ("train", "val", "test", "excluded")
ALIASES = {"validation": "val"}


def without_aliases(section):
    """A configuration section (mapping) with the names of splits in place of their aliases.

    ValueError where a split is given under both; anything but a mapping is returned as it is.
    """
    if not isinstance(section, dict):
        return section
    for alias, name in ALIASES.items():
        if alias in section and name in section:
            raise ValueError(f"{name} and {alias} are the same, give one of them")
    return {ALIASES.get(key, key): value for key, value in section.items()}
