"""What the Snakefile reads of the calcium movies loads nothing heavy."""

import subprocess
import sys

import pytest
from calcium_specs import HEAVY

EXPAND = """
from simlab.calcium.presets import build_spec, ca1, miniscope_v4
from simlab.calcium.sweeps import sweep
base = build_spec(miniscope_v4(), ca1())
keys = {p.cache_key() for p in sweep(base, {"seed": [1, 2], "acquisition.optics.na": [0.2, 0.3]})}
assert len(keys) == 4
"""


@pytest.mark.parametrize(
    "code", [f"import simlab.calcium.{name}" for name in ("spec", "sweeps", "presets")] + [EXPAND]
)
def test_specifications_and_sweeps_need_no_heavy_library(root, code):
    code += f"\nimport sys\nsys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
