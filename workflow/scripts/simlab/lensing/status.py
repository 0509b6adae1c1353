"""What became of a row: one word, or one number in files of arrays."""

STATUSES = ("ok", "dark", "ring", "reference-singular", "solver", "bad-parameters", "clipped-edge")
"""Words in the order of their numbers."""

PRECEDENCE = ("bad-parameters", "dark", "ring", "solver", "reference-singular", "clipped-edge")
"""Which word stands where several hold."""

EXCLUDED = frozenset({"dark", "ring", "reference-singular", "solver", "bad-parameters"})
"""Rows that no training list holds."""


def status_of(words):
    """The one status of a row for which all of `words` hold; "ok" without any."""
    return next((word for word in PRECEDENCE if word in words), "ok")


def status_number(word):
    """Number of a status, 0..6."""
    return STATUSES.index(word)
