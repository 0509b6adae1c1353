"""Rule ptycho_positions: where the probe goes."""

from simlab.core.config import parse_config
from simlab.core.files import write_json, write_npz
from simlab.ptycho.config import ScanConfig
from simlab.ptycho.files.coordinates import read_coordinates
from simlab.ptycho.files.inputs import read_input
from simlab.ptycho.kinds import largest_buffer
from simlab.ptycho.scans import build_positions, coverage_report


def write_positions(spec, input_npz, source, npz, json):
    """Write the scan positions `npz` and their report `json`.

    `spec` holds seed and scan (a ScanConfig); `source` is the user's coordinate file, or None.
    """
    config = parse_config(ScanConfig, spec["scan"])
    stage1 = read_input(input_npz, allow_small_object=True)
    objects, probe = stage1["objectGuess"], stage1["probeGuess"]
    count = objects.shape[0] if objects.ndim == 3 else 1
    shape, side = objects.shape[-2:], probe.shape[-1]
    buffer = side // 2 if config.buffer is None else config.buffer
    positions = build_positions(
        config,
        shape,
        side,
        count,
        spec["seed"],
        read_coordinates(source) if source else None,
    )
    report = coverage_report(
        positions["xcoords"],
        positions["ycoords"],
        positions["object_index"],
        shape,
        probe,
        min(buffer, largest_buffer(shape)),
    )
    write_npz(npz, positions)
    write_json(json, report)
