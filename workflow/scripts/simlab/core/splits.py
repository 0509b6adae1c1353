"""Names of the splits in every file; their numbers are their places."""

SPLITS = ("train", "val", "test", "excluded")
ALIASES = {"validation": "val"}
