"""Rule ptycho_scale: the photon scale of the whole data set."""

from simlab.core.config import parse_config
from simlab.core.files import write_json
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.photons import dataset_scale, photons_of
from simlab.ptycho.stages.gathering import read_power


def write_scale(spec, power_files, json):
    """Write intensity_scale, mean_exit_power and nphotons; `spec` holds nphotons and dose."""
    detector = parse_config(DetectorConfig, spec)
    power = read_power(power_files)
    scale, mean = dataset_scale(power, detector)
    write_json(
        json,
        {
            "intensity_scale": scale,
            "mean_exit_power": mean,
            "nphotons": photons_of(detector),
            "n": len(power),
        },
    )
