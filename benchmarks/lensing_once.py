"""One measurement in this process: `ours` or `lenstronomy` (SIE and Gaussian), or our `parts`."""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE, REPEATS = 512, 20
LENS = {"einstein_radius": 40.0, "ratio": 0.6, "orientation_deg": 30.0}
ETA, SIGMA = 12 + 8j, 15.0
RECORD = 40


def cpu_ms(task):
    """CPU milliseconds of a call, the smallest of some."""
    task()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def ours():
    from simlab.lensing import make_lens, make_source, render_raytrace

    lens, source = make_lens("SIE", **LENS), make_source("Spherical", sigma=SIGMA)
    return cpu_ms(lambda: render_raytrace(lens, source, ETA, SIZE))


def lenstronomy():
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel
    from lenstronomy.Util.param_util import phi_q2_ellipticity

    angle = np.deg2rad(LENS["orientation_deg"] + 90)
    e1, e2 = phi_q2_ellipticity(angle, LENS["ratio"])
    lens = LensModel(["SIE"])
    keywords = [{"theta_E": LENS["einstein_radius"], "e1": e1, "e2": e2}]
    light = LightModel(["GAUSSIAN"])
    source = [{"amp": 1.0, "sigma": SIGMA, "center_x": ETA.real, "center_y": ETA.imag}]
    axis = np.arange(SIZE) - SIZE / 2
    x, y = (values.ravel() for values in np.meshgrid(axis, -axis))

    def picture():
        return light.surface_brightness(*lens.ray_shooting(x, y, keywords), source)

    return cpu_ms(picture)


def parts():
    """CPU ms of the parts of a centered SIE picture, 512 cropped to 400 px."""
    from lensing_rows import write_rows

    from simlab.lensing.batch import Batch
    from simlab.lensing.picture_shards import picture_writer
    from simlab.lensing.settings import as_settings
    from simlab.lensing.simulate import simulate_case

    settings = as_settings({"imagesize": SIZE, "cropsize": 400})
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "rows.csv")
        write_rows(table, RECORD, "SIE", "Raytrace", 5)
        batch = Batch.read(table, settings)
        cases = [batch.case(number) for number in range(RECORD)]
        results = [batch.result(number) for number in range(RECORD)]

        def write():
            with picture_writer(Path(folder, "x.h5"), batch, 0, RECORD, (), {}) as writer:
                for result in results:
                    writer.write(result)

        simulated = cpu_ms(lambda: [simulate_case(case) for case in cases]) / RECORD
        everything = cpu_ms(lambda: [batch.result(n) for n in range(RECORD)]) / RECORD
        written = cpu_ms(write) / RECORD
    return {
        "simulation": simulated,
        "cells and quantizing": everything - simulated,
        "encoding and writing": written,
    }


if __name__ == "__main__":
    what = sys.argv[1]
    answer = parts() if what == "parts" else {"cpu_s": globals()[what]() / 1e3}
    print(json.dumps(answer))
