"""Small data sets for the tests of ptychography files."""

import numpy as np

from simlab.ptycho.dataset import RawData
from simlab.ptycho.metadata import create_metadata

N = 16


def raw_data(frames=5, *, modes=0, objects=0, dose=False, mask=False, counts=False, seed=1):
    """RawData with every array different everywhere; nothing in it is physics."""
    rng = np.random.default_rng(seed)

    def waves(*shape):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)

    index = np.arange(frames) % max(1, objects)
    diff3d = rng.poisson(30, (frames, N, N))
    detector = np.ones((N, N), np.uint8)
    detector[8, 8] = 0
    if mask:
        diff3d[:, 8, 8] = 0
    x, y = rng.uniform(8, 32, (2, frames))
    return RawData(
        x,
        y,
        x + 0.25,
        y - 0.5,
        diff3d.astype(np.uint32) if counts else np.sqrt(diff3d).astype(np.float32) / np.float32(3),
        waves(modes, N, N) if modes else waves(N, N),
        index,
        waves(objects, 40, 48) if objects else waves(40, 48),
        waves(frames, N, N),
        2.9,
        create_metadata(
            {
                "nphotons": 1e4,
                "gridsize": 1,
                "N": N,
                "intensity_scale": 3.0,
                "measurement_domain": "count_intensity" if counts else "normalized_amplitude",
                "scale_contract_version": "ci_intensity_v2" if counts else "legacy_v1",
                "poisson": True,
                "subpixel": "bilinear",
            },
            script="tests",
            simulation={"n_images": frames, "seed": seed, "patches": "stored"},
            timestamp=None,
        ),
        intensity_scale=3.0,
        object_index=index,
        detector_mask=detector if mask else None,
        frame_scale=rng.uniform(2, 4, frames) if dose else None,
        dose=rng.uniform(1e3, 1e5, frames) if dose else None,
    )


ARRAYS = (
    "xcoords",
    "ycoords",
    "xcoords_start",
    "ycoords_start",
    "diff3d",
    "probeGuess",
    "scan_index",
    "objectGuess",
    "Y",
    "object_index",
    "detector_mask",
    "frame_scale",
    "dose",
)


def assert_equal_data(left, right):
    """All arrays, scalars and the metadata of two RawData are the same, dtypes included."""
    for name in ARRAYS:
        a, b = getattr(left, name), getattr(right, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
    assert left.metadata == right.metadata
    assert left.norm_Y_I == right.norm_Y_I
    assert left.intensity_scale == right.intensity_scale
