"""The workflow on a small data set of halo maps: files, re-runs, cuts, the commands' bytes."""

import copy
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from halo_campaign import sample_bytes
from halo_commands import FOLDER, call, files_in, processing, published_bytes
from workflow_jobs import jobs_of, run_campaign, temporary_names

from simlab.core.files import read_json, read_npz, write_npz
from simlab.core.manifest import require_verified
from simlab.halo.files.records import read_record

NAME = "tiny.v1+2"
CAMPAIGN = {
    "halo": {
        "datasets": {
            NAME: {
                "source": {"kind": "synthetic", "n_grid": 16},
                "simulations": {"total": 2, "test_fraction": 0.5},
                "haloes": {"max_per_simulation": 3},
                "rotations": {"number": 2},
                "maps": {"resolution": 16},
            }
        }
    }
}
GATHERING = {"halo_index", "halo_normalization", "halo_checks", "halo_preview", "halo_manifest"}


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """Folder of the campaign, run once for all tests that only look at it."""
    return run_campaign(root, tmp_path_factory.mktemp("finished"), CAMPAIGN)


@pytest.fixture
def copy_of(finished, tmp_path):
    """A copy of the finished campaign that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def campaign():
    """The campaign as a mapping that a test may change."""
    return copy.deepcopy(CAMPAIGN)


def data_set(directory):
    return Path(directory) / "results" / "halo" / NAME


def test_the_manifest_names_every_file(finished):
    manifest = read_json(data_set(finished) / "manifest.json")
    files = set(files_in(data_set(finished))) - {"manifest.json"}
    assert set(manifest["files"]) == files
    assert sum("_rot_" in name for name in files) == 12
    for name in ("index.csv", "split.json", "checks.json", "preview.png", "inputs/params.csv"):
        assert name in files
    assert [path.name for path in (finished / "results").iterdir()] == ["halo"]


def test_all_files_verify_and_a_flipped_bit_is_found(snakemake, copy_of, campaign):
    assert require_verified([data_set(copy_of)]) is None
    sample = next(data_set(copy_of).rglob("sim_1_halo_2_rot_0.npz"))
    content = bytearray(sample.read_bytes())
    content[len(content) // 2] ^= 1
    sample.write_bytes(content)
    output = snakemake("verify", campaign=campaign, directory=copy_of, code=1)
    assert "sim_1_halo_2_rot_0.npz: content differs from the manifest" in output


def test_a_second_run_has_nothing_to_do_even_with_more_memory(snakemake, copy_of, campaign):
    campaign["halo"]["datasets"][NAME]["execution"] = {"memory_gb": 9}
    assert "Nothing to be done" in snakemake(campaign=campaign, directory=copy_of)


def test_the_command_writes_the_bytes_of_the_workflow(finished, tmp_path):
    changes = {"--total_sims": 2, "--test_frac": 0.5}
    assert call(*processing(tmp_path, changes)) == 0
    ours, theirs = tmp_path / FOLDER, data_set(finished)
    assert published_bytes(ours) == published_bytes(theirs)
    for path in sorted(theirs.glob("inputs/*/*/**/*.hdf5")):
        assert (ours / path.relative_to(theirs)).read_bytes() == path.read_bytes()


def test_another_number_of_shards_changes_no_published_byte(snakemake, copy_of, finished, campaign):
    campaign["halo"]["datasets"][NAME]["execution"] = {"shards_per_simulation": 2, "memory_gb": 3}
    output = snakemake(campaign=campaign, directory=copy_of)
    assert {"halo_samples", *GATHERING} <= jobs_of(output)
    assert not {"halo_simulation", "halo_parameters"} & jobs_of(output)
    assert published_bytes(data_set(copy_of)) == published_bytes(data_set(finished))
    records = sorted(data_set(copy_of).glob("*/sim_*/shard_*.json"))
    assert [read_record(path)["n_shards"] for path in records] == [2] * 4
    require_verified([data_set(copy_of)])


@pytest.mark.parametrize(
    ("section", "values", "expected", "untouched"),
    [
        (None, {"seed": 5}, {"halo_parameters", "halo_simulation", "halo_samples"}, set()),
        (
            "normalization",
            {"per_scale": True},
            {"halo_normalization", "halo_checks", "halo_preview", "halo_manifest"},
            {"halo_simulation", "halo_samples", "halo_index"},
        ),
        ("haloes", {"mass_threshold": 2e13}, {"halo_samples", *GATHERING}, {"halo_simulation"}),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(
    snakemake, campaign, copy_of, section, values, expected, untouched
):
    dataset = campaign["halo"]["datasets"][NAME]
    (dataset.setdefault(section, {}) if section else dataset).update(values)
    jobs = jobs_of(snakemake("--dry-run", campaign=campaign, directory=copy_of))
    assert expected <= jobs
    assert not untouched & jobs


def test_large_scale_is_made_again_from_the_snapshot_by_file_name(
    snakemake, copy_of, finished, campaign
):
    (record,) = data_set(copy_of).glob("*/sim_1/shard_00000.json")
    for path in record.parent.glob("*_rot_*.npz"):
        sample = read_npz(path)
        sample["large_scale"] = np.zeros_like(sample["large_scale"])
        write_npz(path, sample, 1)
    assert sample_bytes(copy_of) != sample_bytes(finished)
    target = record.with_suffix(".large_scale.json").relative_to(copy_of)
    jobs = jobs_of(snakemake(target, campaign=campaign, directory=copy_of))
    assert jobs == {"halo_large_scale"}
    assert sample_bytes(copy_of) == sample_bytes(finished)
    content = read_json(copy_of / target)
    assert content["scales"] == [12.5, 25.0, 50.0]
    assert len(content["files"]) == 6
    require_verified([data_set(copy_of)])


def test_projections_of_the_box_are_made_by_file_name(snakemake, copy_of, campaign):
    folder = Path("results/halo") / NAME / "projected_images"
    jobs = jobs_of(snakemake(folder / "projections_xz_0.npz", campaign=campaign, directory=copy_of))
    assert jobs == {"halo_projections"}
    (record,) = data_set(copy_of).glob("*/sim_0/shard_00000.json")
    mass = read_record(record)["masses"]["dmo"]
    maps = {plane: copy_of / folder / f"projections_{plane}_0.npz" for plane in ("xy", "xz", "yz")}
    fields = {plane: read_npz(path)["dm"].astype(float) for plane, path in maps.items()}
    for field in fields.values():
        assert field.shape == (128, 128)
        assert field.sum() == pytest.approx(mass, rel=1e-6)
    # the sums over the dropped coordinates are those of the shared one
    for first, second, axes in (("xy", "xz", (1, 1)), ("xy", "yz", (0, 1)), ("xz", "yz", (0, 0))):
        np.testing.assert_allclose(
            fields[first].sum(axis=axes[0]), fields[second].sum(axis=axes[1]), rtol=1e-5
        )


def test_published_files_hold_no_paths_hosts_or_times(finished):
    for path in data_set(finished).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(finished).encode() not in content, path
            assert not temporary_names(content), path
            assert time.strftime("%Y-%m-%d").encode() not in content, path
