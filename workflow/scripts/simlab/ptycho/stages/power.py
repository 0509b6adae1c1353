"""Rule ptycho_power: the power of the exit waves of one shard."""

from simlab.core.files import read_npz, write_npz
from simlab.ptycho.files.inputs import read_input
from simlab.ptycho.forward import ForwardModel


def write_power(spec, input_npz, positions_npz, frames, npz):
    """Write the power of frames [first, last) = `frames`; `spec` holds subpixel."""
    stage1 = read_input(input_npz, allow_small_object=True)
    rows = slice(*frames)
    where = read_npz(positions_npz, ["xcoords", "ycoords", "object_index"])
    model = ForwardModel(
        stage1["objectGuess"],
        stage1["probeGuess"],
        seed=0,
        nphotons=1.0,
        subpixel=spec["subpixel"],
    )
    power = model.power(where["xcoords"][rows], where["ycoords"][rows], where["object_index"][rows])
    write_npz(npz, {"power": power})
