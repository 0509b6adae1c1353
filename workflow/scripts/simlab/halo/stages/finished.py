"""Which haloes of a shard are finished: `.shard_{shard}.progress.json` beside its record.

One JSON text a line: what the samples are made of, then [halo_idx, sample entries] a halo. Lines
are appended, since a shard may have thousands of samples; one that a kill has cut off is ignored.
"""

import json
import os

from simlab.core.errors import SimlabError
from simlab.core.files import open_input, sweep_stale, write_text


class FinishedHaloes:
    """The list of one shard.

    Parameters
    ----------
    path : Path
    identity : dict
        What the samples are made of; a list of other samples counts for nothing.
    """

    def __init__(self, path, identity):
        self._path = path
        self._head = _line(identity)
        self._started = False

    def read(self):
        """{halo_idx: sample entries} as an earlier run has left them."""
        sweep_stale(self._path)
        try:
            with open_input(self._path) as stream:
                head, *lines = stream.read().decode(errors="replace").splitlines(keepends=True)
        except (SimlabError, ValueError):
            return {}
        return dict(filter(None, map(_parsed, lines))) if head == self._head else {}

    def add(self, halo_idx, entries, before):
        """Note a halo; the first one of this run replaces the file by all that count, `before`."""
        line = _line([halo_idx, entries])
        if not self._started:
            known = [_line([number, kept]) for number, kept in before.items()]
            write_text(self._path, "".join([self._head, *known, line]))
            self._started = True
            return
        try:
            with open(self._path, "a", encoding="utf-8") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise SimlabError(f"cannot write {self._path}: {error.strerror or error}") from error


def _line(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"


def _parsed(line):
    """(halo_idx, entries), or None if that is not what the line holds."""
    try:
        halo_idx, entries = json.loads(line)
    except (ValueError, TypeError):
        return None
    return (halo_idx, entries) if isinstance(entries, list) else None
