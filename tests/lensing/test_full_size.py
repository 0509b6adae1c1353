"""Ten thousand pictures of 512 x 512 px end to end, and memory that does not grow with the rows."""

import re
import subprocess
import sys

import h5py
import hdf5plugin  # noqa: F401 - registers the compression filters
import pytest
import yaml
from workflow_jobs import run_campaign

from simlab.core.dataset import Dataset
from simlab.core.files import read_json
from simlab.core.manifest import require_verified
from simlab.core.yaml_files import read_yaml

pytestmark = pytest.mark.full

RUN = r"""
import re, sys
from simlab.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
# not ru_maxrss, which starts with that of the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) / 1024)
"""


def peak_mb(rows, folder):
    """Largest resident set of the command for so many drawn rows, MiB."""
    words = ("lensing", "datagen", "--config", "c.yaml", "--rnd", "--maxcount", str(rows), "-q")
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words, "--out", f"{rows}.h5", "--outfile", f"{rows}.csv"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def test_memory_does_not_grow_with_the_rows(tmp_path):
    config = {
        "simulator": {"size": 1000, "imagesize": 512, "cropsize": 400},
        "lens": {"mode": "SIE", "ellipseratio": 0.6, "orientation": 20},
        "source": {"mode": "Spherical", "sigma": 12, "position": "relative"},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    few, many = peak_mb(10, tmp_path), peak_mb(1000, tmp_path)
    assert many < 450
    assert many - few < 60


def test_ten_thousand_pictures_are_made_checked_and_verified(root, tmp_path):
    content = read_yaml(root / "config" / "campaigns" / "lensing-peer-examples.yaml")
    mapping = content["lensing"]["datasets"]["training-10000"]
    run_campaign(root, tmp_path, {"lensing": {"datasets": {"training-10000": mapping}}})
    folder = tmp_path / "results" / "lensing" / "training-10000"
    require_verified([folder])
    assert all(row["passed"] for row in read_json(folder / "checks.json"))
    dataset = Dataset(folder)
    assert len(dataset) == 10000
    counts = {name: len(dataset.split(name)) for name in ("train", "val", "test", "excluded")}
    assert sum(counts.values()) == 10000
    assert 7000 < counts["train"] <= 8000
    sample = dataset.split("train")[17]
    assert sample["images"].shape == (512, 512)
    assert sample["alpha"].shape == (15,)
    with h5py.File(folder / "images" / "00019.h5") as file:
        assert file["index"][-1] == 10000
        assert re.fullmatch(r"[0-9a-f]{16}", file.attrs["code"])
