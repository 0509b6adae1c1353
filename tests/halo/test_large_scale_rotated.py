"""Command add-large-scale, rotated samples: projected again from the particles."""

import shutil

import numpy as np
import pytest
from halo_campaign import SIM, TINY, make_shard, sample_bytes, tiny_dataset
from halo_commands import arguments

from simlab.core.errors import InputFileError
from simlab.core.files import read_npz, write_npz
from simlab.halo import specs
from simlab.halo.stages import large_scale

PROVENANCE = ("rot_matrix", "seed_key", "group_index")


@pytest.fixture
def bare(processed, tmp_path):
    """The finished data set, its samples without large_scale."""
    folder = shutil.copytree(processed, tmp_path / "bare")
    strip(folder, "large_scale")
    return folder


def strip(folder, *keys):
    for path in folder.rglob("sim_*_halo_*_rot_*.npz"):
        sample = read_npz(path)
        write_npz(path, {key: array for key, array in sample.items() if key not in keys}, 1)


def command(folder, base, changes=None):
    options = {
        "--data_dir": folder,
        "--fof_nbody_base": base / "FOF",
        "--from_snapshot": True,
        "--nbody_base": base / "DMO",
        **(changes or {}),
    }
    return ["add-large-scale", *arguments(options)]


def large_scales(folder):
    return {path.name: read_npz(path)["large_scale"] for path in folder.rglob("sim_*_rot_*.npz")}


def same(found, expected):
    assert found.keys() == expected.keys()
    return all(np.array_equal(found[name], expected[name]) for name in expected)


def test_the_sample_is_the_fresh_one_to_the_last_byte(halo, bare, processed, pairs):
    assert sample_bytes(bare) != sample_bytes(processed)
    out, _ = halo(*command(bare, pairs))
    assert out == "18 samples written, 0 skipped: no such halo in the catalog\n"
    assert sample_bytes(bare) == sample_bytes(processed)


def test_without_records_and_provenance_the_key_of_the_name_decides(halo, bare, processed, pairs):
    strip(bare, *PROVENANCE)
    for record in bare.rglob("shard_*.json"):
        record.unlink()
    halo(*command(bare, pairs))
    expected = large_scales(processed)
    assert same(large_scales(bare), expected)
    assert "rot_matrix" not in read_npz(next(bare.rglob("sim_1_halo_0_rot_0.npz")))
    before = sample_bytes(bare)
    _, err = halo(*command(bare, pairs, {"--seed": 5}), "--overwrite", code=1)
    assert "a rotation of another seed or scheme" in err
    assert sample_bytes(bare) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"rotations": {"number": 2, "first_is_identity": True}},
        {"rotations": {"number": 2, "scheme": "euler_legacy"}, "allow_legacy": True},
        {"maps": {"resolution": 16, "mode": "faces"}, "allow_legacy": True},
        {"maps": {"resolution": 16, "depth": 10.0}},
        {"maps": {"resolution": 16, "scales": [6.25, 25.0]}},
        {"maps": {"resolution": 16, "scales": [12.5, 25.0, 50.0]}},
    ],
)
def test_records_tell_rotations_scales_and_depth(halo, tmp_path, changes):
    dataset = tiny_dataset(output={"provenance": False}, **changes)
    place, _ = make_shard(tmp_path, dataset)
    before = sample_bytes(tmp_path)
    assert len(before) == 6
    strip(tmp_path, "large_scale")
    halo(*command(tmp_path, TINY))
    assert sample_bytes(tmp_path) == before
    assert place.sim == SIM


def test_scales_can_be_chosen(halo, bare, processed, pairs):
    halo(*command(bare, pairs, {"--scales": [25.0]}))
    found = large_scales(bare)
    assert all(maps.shape == (1, 16, 16) for maps in found.values())
    assert same(found, {name: maps[1:2] for name, maps in large_scales(processed).items()})


def test_a_second_time_is_refused_and_then_changes_no_byte(halo, bare, processed, pairs):
    (folder,) = bare.glob("*/sim_2")
    strip(bare, "nothing")
    shutil.copytree(processed / folder.relative_to(bare), folder, dirs_exist_ok=True)
    before = sample_bytes(bare)
    _, err = halo(*command(bare, pairs), code=1)
    assert len(err.splitlines()) == 1
    assert "sim_2_halo_0_rot_0.npz: has large_scale already" in err
    assert sample_bytes(bare) == before
    halo(*command(bare, pairs), "--overwrite")
    assert sample_bytes(bare) == sample_bytes(processed)


def test_ranks_share_the_simulations(halo, bare, processed, pairs):
    for rank in range(2):
        out, _ = halo(*command(bare, pairs), "--rank", rank, "--world_size", 2)
        assert out.startswith(f"{(12, 6)[rank]} samples written")
    assert sample_bytes(bare) == sample_bytes(processed)


def test_haloes_beyond_the_catalog_are_skipped(halo, bare, pairs):
    path = next(bare.rglob("sim_1_halo_2_rot_1.npz"))
    path.rename(path.with_name("sim_1_halo_4000_rot_1.npz"))
    out, _ = halo(*command(bare, pairs))
    assert out == "17 samples written, 1 skipped: no such halo in the catalog\n"


def test_pixels_of_another_size_are_refused(halo, bare, pairs):
    before = sample_bytes(bare)
    _, err = halo(*command(bare, pairs, {"--target_res": 32}), code=2)
    assert err.startswith("Error: --target_res: ")
    assert "condition is 16 px wide, expected 32" in err
    assert sample_bytes(bare) == before


def test_a_snapshot_that_is_missing_is_named(halo, bare, pairs, tmp_path):
    (tmp_path / "empty").mkdir()
    words = command(bare, pairs, {"--nbody_base": tmp_path / "empty"})
    _, err = halo(*words, code=1)
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "empty" / "SB35_0") in err
    _, err = halo(*command(bare, pairs, {"--nbody_base": tmp_path / "nowhere"}), code=2)
    assert err == f"Error: --nbody_base: {tmp_path / 'nowhere'} is not a folder\n"


@pytest.mark.parametrize("told", [True, False])
def test_sums_are_cut_into_chunks_as_the_record_says(halo, tmp_path, monkeypatch, told):
    place, _ = make_shard(tmp_path, tiny_dataset(execution={"chunk_particles": 12345}))
    if not told:
        place.record.unlink()
    seen, project = [], large_scale.project_multiscale
    monkeypatch.setattr(
        large_scale,
        "project_multiscale",
        lambda *args, **options: (
            seen.append(options["chunk_particles"]) or project(*args, **options)
        ),
    )
    halo(*command(tmp_path, TINY), "--overwrite")
    assert seen == [12345 if told else 4194304]


LEGACY = [
    ({"rotations": {"number": 2, "scheme": "euler_legacy"}}, {"--rotation_scheme": "euler_legacy"}),
    ({"maps": {"resolution": 16, "mode": "faces"}}, {"--mode": "faces"}),
]


@pytest.mark.parametrize(("changes", "options"), LEGACY)
def test_without_records_options_tell_how_samples_were_made(halo, tmp_path, changes, options):
    dataset = tiny_dataset(output={"provenance": False}, allow_legacy=True, **changes)
    place, _ = make_shard(tmp_path, dataset)
    before = sample_bytes(tmp_path)
    place.record.unlink()
    strip(tmp_path, "large_scale")
    halo(*command(tmp_path, TINY, options))
    assert sample_bytes(tmp_path) == before


def test_a_rotation_of_another_scheme_is_refused(halo, tmp_path):
    changes, _ = LEGACY[0]
    place, _ = make_shard(
        tmp_path, tiny_dataset(output={"provenance": False}, allow_legacy=True, **changes)
    )
    place.record.unlink()
    before = sample_bytes(tmp_path)
    _, err = halo(*command(tmp_path, TINY), "--overwrite", code=1)
    assert "condition is not what" in err
    assert sample_bytes(tmp_path) == before


@pytest.fixture
def swapped(pairs, tmp_path):
    """The simulations of `pairs` under each other's names."""
    for part in ("DMO", "FOF"):
        (tmp_path / "swapped" / part).mkdir(parents=True)
        for sim in range(3):
            link = tmp_path / "swapped" / part / f"SB35_{sim}"
            link.symlink_to(pairs / part / f"SB35_{(sim + 1) % 3}")
    return tmp_path / "swapped"


def test_another_simulation_is_refused_by_the_record(halo, bare, swapped):
    before = sample_bytes(bare)
    _, err = halo(*command(bare, swapped), code=1)
    assert "not the snapshot that the samples were made of" in err
    assert sample_bytes(bare) == before


def test_another_simulation_is_refused_by_the_condition(halo, bare, swapped):
    for record in bare.rglob("shard_*.json"):
        record.unlink()
    before = sample_bytes(bare)
    _, err = halo(*command(bare, swapped), code=1)
    assert len(err.splitlines()) == 1
    assert "condition is not what" in err
    assert sample_bytes(bare) == before


def test_another_cosmology_is_refused_by_the_catalog(halo, bare, pairs, swapped):
    for record in bare.rglob("shard_*.json"):
        record.unlink()
    _, err = halo(*command(bare, pairs, {"--nbody_base": swapped / "DMO"}), code=1)
    assert "Omega0" in err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"--scales": [60]}, "--scales: "),
        ({"--scales": [9]}, "--scales: "),
        ({"--mode": "faces"}, "--mode is faces, the samples' record says exact"),
        ({"--mode": "other"}, "--mode is 'other', expected exact or faces"),
        ({"--rotation_scheme": "euler_legacy"}, "--rotation_scheme is euler_legacy, the samples'"),
        ({"--rotation_scheme": "no"}, "--rotation_scheme is 'no'"),
        ({"--projected_images_dir": "."}, "--projected_images_dir is of no effect with"),
        ({"--large_region_size": 12.5}, "--large_region_size is of no effect with"),
    ],
)
def test_options_that_cannot_be_used_are_refused(halo, bare, pairs, options, text):
    before = sample_bytes(bare)
    _, err = halo(*command(bare, pairs, options), code=2)
    assert err.startswith(f"Error: {text}")
    assert len(err.splitlines()) == 1
    assert sample_bytes(bare) == before


def test_the_last_folder_is_looked_at_before_the_first_is_rewritten(halo, bare, pairs, tmp_path):
    base = tmp_path / "DMO"
    base.mkdir()
    for sim in range(2):
        (base / f"SB35_{sim}").symlink_to(pairs / "DMO" / f"SB35_{sim}")
    before = sample_bytes(bare)
    _, err = halo(*command(bare, pairs, {"--nbody_base": base}), code=1)
    assert "SB35_2" in err
    assert sample_bytes(bare) == before


@pytest.mark.parametrize(("memory_mb", "passes"), [(1, [1] * 6), (4000, [6])])
def test_memory_decides_how_many_views_a_pass_has_and_changes_no_byte(
    tmp_path, monkeypatch, memory_mb, passes
):
    dataset = tiny_dataset()
    place, _ = make_shard(tmp_path, dataset)
    before = sample_bytes(tmp_path)
    strip(tmp_path, "large_scale")
    seen, project = [], large_scale.project_multiscale
    monkeypatch.setattr(
        large_scale,
        "project_multiscale",
        lambda *args, **options: seen.append(len(args[1])) or project(*args, **options),
    )
    large_scale.renew_large_scale(
        specs.samples_spec(dataset),
        place.record,
        TINY / "DMO" / f"SB35_{SIM}",
        tmp_path / "done.json",
        memory_mb=memory_mb,
    )
    assert seen == passes
    assert sample_bytes(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"box_size": 25.0, "scales": [3.125, 6.25]}, "and 25 in the configuration"),
        ({"depth": 10.0}, "condition is not what"),
        (None, "not the snapshot that the samples were made of"),
    ],
)
def test_the_rule_refuses_another_box_configuration_or_snapshot(tmp_path, pairs, change, text):
    dataset = tiny_dataset()
    place, _ = make_shard(tmp_path, dataset)
    before = sample_bytes(tmp_path)
    spec = specs.samples_spec(dataset)
    spec["maps"] |= change or {}
    dmo = TINY / "DMO" / f"SB35_{SIM}" if change else pairs / "DMO" / "SB35_0"
    json = tmp_path / "done.json"
    with pytest.raises(InputFileError, match=text):
        large_scale.renew_large_scale(spec, place.record, dmo, json)
    assert sample_bytes(tmp_path) == before
    assert not json.exists()
