"""WebDataset: tar files whose members are samples, read in streams.

A sample is the members `000000012.diff3d.npy`, ..., `000000012.json` that share their name up to
the first dot; the number is the sample's row in index.csv, from 0. Arrays are npy files. Numbers,
and the row of index.csv, are in the JSON file. T. Breuel, WebDataset, describes the format.
"""

import io
import json
import re
import tarfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from simlab.core.errors import ConfigError, SimlabError
from simlab.core.files import atomic_path, read_json, write_json
from simlab.core.packages.source import PARTS, column_types, typed
from simlab.core.progress import progress

MEGABYTES = 256
"""Size of a tar file above which the next begins."""
BLOCK = 512
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/-]*")


def write_webdataset(source, split, output, megabytes=MEGABYTES):
    """Write the tar files of one split, then `{split}.json`, which lists them.

    Parameters
    ----------
    source : Source
    split : str
        train, val or test. A split without samples gets no tar files and an empty list.
    output : path
        Folder of `{split}-{shard}.tar`, five digits.
    megabytes : float
        A tar file holds as many samples as fit into so many MB (10^6 bytes), and at least one.

    Returns
    -------
    list of Path
        All files written. Equal data sets and sizes give equal bytes.
    """
    if split not in PARTS:
        raise ConfigError(f"split {split!r} is not packaged, expected {', '.join(PARTS)}")
    if not megabytes > 0:
        raise ConfigError(f"megabytes is {megabytes}, expected a number above 0")
    output = Path(output)
    numbers, types = source.numbers(split), column_types(source)
    samples = (
        _members(number, source.row(number), types, source.dataset[number])
        for number in progress(numbers, len(numbers), f"{split} samples")
    )
    index = output / f"{split}.json"
    with ExitStack() as written:  # all tars take their names together, once none can fail
        tars = list(_write_tars(written, output, split, samples, megabytes * 1e6))
        index.unlink(missing_ok=True)
    _remove_older(output, split, len(tars))
    write_json(
        index,
        {
            "__kind__": "wids-shard-index-v1",
            "wids_version": 1,
            "name": f"{source.name}-{split}",
            "shardlist": [
                {"url": path.name, "nsamples": count, "filesize": path.stat().st_size}
                for path, count in tars
            ],
        },
    )
    return [*(path for path, _ in tars), index]


def tars_of(index):
    """Paths of the tar files that a `{split}.json` lists."""
    return [Path(index).parent / entry["url"] for entry in read_json(index)["shardlist"]]


def _write_tars(written, output, split, samples, limit):
    """(path, samples) of each tar file, written one after the other; `written` names them."""
    sample, shard = next(samples, None), 0
    while sample is not None:
        path, count, size = output / f"{split}-{shard:05d}.tar", 0, 0
        part = written.enter_context(atomic_path(path))
        with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as tar:
            while sample is not None and (count == 0 or size + _size(sample) <= limit):
                for name, data in sample:
                    tar.addfile(_header(name, len(data)), io.BytesIO(data))
                count, size = count + 1, size + _size(sample)
                sample = next(samples, None)
        yield path, count
        shard += 1


def _header(name, size):
    """Without time, owner and anything else that differs between two runs."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


def _size(sample):
    return sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for _, data in sample)


def _members(number, row, types, arrays):
    """[(name, bytes)] of a sample, all of one key."""
    key, scalars, members = f"{number:09d}", {}, []
    for name, array in sorted(arrays.items()):
        if not SAFE.fullmatch(name):
            raise SimlabError(f"array {name!r}: a member of a tar cannot be called so")
        if np.ndim(array) == 0:
            scalars[name] = _number(array)
            continue
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
        members.append((f"{key}.{name.replace('/', '.')}.npy", stream.getvalue()))
    record = {name: typed(cell, types[name]) for name, cell in row.items()}
    text = json.dumps(_finite(record | {"scalars": scalars}), sort_keys=True, ensure_ascii=False)
    return [*members, (f"{key}.json", text.encode())]


def _number(array):
    value = np.asarray(array).item()
    return value.decode() if isinstance(value, bytes) else value


def _finite(values):
    """Numbers that are infinite or undefined as None, which JSON can say."""
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    return None if isinstance(values, float) and not np.isfinite(values) else values


def _remove_older(output, split, count):
    """Tar files of an earlier run that had more of them."""
    for path in output.glob(f"{split}-*.tar"):
        number = path.stem.removeprefix(f"{split}-")
        if re.fullmatch(r"\d{5}", number) and int(number) >= count:
            path.unlink()
