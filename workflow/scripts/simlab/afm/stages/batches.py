"""Rule afm_batches: batches in the form of the original script."""

import numpy as np

from simlab.afm.files.shards import Shard
from simlab.core.files import atomic_path


def write_batch(spec, batch, shard_h5, npz):
    """Write batch number `batch` from the shard that holds it.

    `spec` is that of `specs.batches_spec`.
    """
    samples, size = spec["samples"][0], spec["batch_size"]
    first, last = batch * size, min((batch + 1) * size, samples)
    with Shard(shard_h5) as shard:
        offset = int(shard.array("sample_id", 0))
        here = slice(first - offset, last - offset)
        mols = [shard.molecule(k) for k in range(here.start, here.stop)]
        images, maps = shard.array("afm", here), shard.array("desc", here)
        save_batch(npz, images, maps, mols, shard.array("flags", here))


def save_batch(npz, stacks, maps, mols, flags):
    """Write a batch.

    Failed samples are there too, full of NaN, so that batches do not move: `flags` tells them.

    Parameters
    ----------
    npz : path
    stacks : float32 (b, n_tip, nx, ny, nz')
        Written as `afm` (n_tip, b, nx, ny, nz').
    maps : float32 (b, n_channels, nx, ny)
        Written as `desc` (n_channels, b, nx, ny).
    mols : list of float64 (n, 5)
        Written as object array `mols` (b,), which needs allow_pickle, and again as `mols_data`
        and `mols_ptr`.
    flags : (b,) int
        Marks, see `simlab.afm.flags`; written as uint32.
    """
    objects = np.empty(len(mols), dtype=object)
    for k, mol in enumerate(mols):
        objects[k] = mol
    counts = [len(mol) for mol in mols]
    with atomic_path(npz) as part, open(part, "wb") as stream:
        np.savez(
            stream,
            afm=np.ascontiguousarray(np.moveaxis(stacks, 0, 1)),
            desc=np.ascontiguousarray(np.moveaxis(maps, 0, 1)),
            mols=objects,
            mols_data=np.concatenate(mols),
            mols_ptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            flags=np.asarray(flags, np.uint32),
        )
