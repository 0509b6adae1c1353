"""Rule halo_projections: unrotated maps of a whole DMO run along the three axes."""

import numpy as np

from simlab.core.config import parse_config
from simlab.core.files import write_npz
from simlab.halo.config import MapsConfig
from simlab.halo.files.snapshots import check_pair, iter_particles, open_snapshot
from simlab.halo.planes import PLANES, add_projection
from simlab.halo.streaming import prefetched


def write_projections(spec, dmo, files):
    """Write `projections_{plane}_{sim}.npz` with key `dm` (npix, npix) float32, Msun/h per pixel.

    Parameters
    ----------
    spec : dict
        Of `specs.projections_spec`.
    dmo : path
        Snapshot of the DMO run.
    files : dict
        {xy, xz, yz: path}.

    Errors: SnapshotError for a box of another size than the configuration's.
    """
    maps = parse_config(MapsConfig, spec["maps"])
    snapshot = open_snapshot(dmo, allow_missing_chunks=spec["allow_missing_chunks"])
    check_pair(snapshot, snapshot, box_size=maps.box_size)
    fields = {plane: np.zeros((maps.npix, maps.npix)) for plane in PLANES}
    chunks = iter_particles(snapshot, 1, chunk_particles=spec["chunk_particles"])
    for positions, masses in prefetched(chunks):
        for plane, field in fields.items():
            add_projection(field, positions, masses, snapshot.box_size, plane)
    for plane, field in fields.items():
        write_npz(files[plane], {"dm": field.astype(np.float32)}, 1, runs=True)
