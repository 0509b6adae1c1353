"""Shard records: `{split}/sim_{sim}/shard_{shard}.json`, JSON, one for each job of a simulation.

| key | content |
|---|---|
| schema_version | 1 |
| dataset, sim, shard, n_shards, split | which part of which data set |
| spec_hash, code, versions | of the samples' specification, of the code, of the packages |
| fingerprints | {dmo, hydro, catalog}: lists of one entry a file |
| missing_chunks | {dmo, hydro, catalog}: lists of chunk numbers |
| param_names, params | (P,) |
| box_size, npix, scales, depth | Mpc/h, px, Mpc/h, Mpc/h or null |
| resolution | side of the maps, px |
| simulations | {total, test_fraction} of the split |
| rotation_scheme, seed | |
| masses | {dmo, hydro_dm, gas, stars}: box sums, Msun/h |
| box_sizes | {dmo, hydro, catalog}, Mpc/h, null where a catalog does not say |
| mode, cic_backend, chunk_particles | how the maps were made |
| omega0 | {dmo, hydro, catalog}, null where the files do not say |
| cosmology | {OmegaBaryon of the hydro run, HubbleParam of the DMO run}, null likewise; may lack |
| haloes | halo_idx, group_index, mass, center, r200 of this shard's haloes |
| n_groups, n_kept | of the whole catalog: all, above the threshold |
| warnings | texts: parameters outside the info table |
| samples | entries, see `stages.samples` |
"""

from simlab.core.files import read_json, write_json
from simlab.halo.errors import SampleError

SCHEMA_VERSION = 1
KEYS = {
    *("schema_version", "dataset", "sim", "shard", "n_shards", "split", "spec_hash", "code"),
    *("versions", "fingerprints", "missing_chunks", "param_names", "params", "box_size", "npix"),
    *("resolution", "scales", "depth", "simulations", "rotation_scheme", "seed", "masses"),
    *("omega0", "haloes", "n_groups", "n_kept", "warnings", "samples"),
    *("box_sizes", "mode", "cic_backend", "chunk_particles"),
}
MAY_LACK = {"cosmology"}
"""Keys that records of earlier versions have not."""


def write_record(path, record):
    """Write a shard record; the version is added."""
    record = {"schema_version": SCHEMA_VERSION, **record}
    _require_keys(path, record)
    write_json(path, record)


def read_record(path):
    """A shard record; SampleError unless it has the keys above and no other."""
    record = read_json(path)
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        raise SampleError(f"{path}: not a shard record of version {SCHEMA_VERSION}")
    _require_keys(path, record)
    return record


def _require_keys(path, record):
    wrong = KEYS.symmetric_difference(set(record) - MAY_LACK)
    if wrong:
        raise SampleError(f"{path}: keys {', '.join(sorted(wrong))} are missing or unknown")


def hex_parts(parts):
    """Moments {channel: (n, mean, m2, min, max)} with the floats as exact hexadecimal text."""
    return {
        channel: [part[0], *(float(value).hex() for value in part[1:])]
        for channel, part in parts.items()
    }


def parts_from(moments):
    """The inverse of `hex_parts`."""
    return {
        channel: (part[0], *(float.fromhex(text) for text in part[1:]))
        for channel, part in moments.items()
    }
