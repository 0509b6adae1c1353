import json
import math

import h5py
import numpy as np
import pytest

from simlab.lensing.comparison import (
    compare_pair,
    compare_sets,
    difference_picture,
    masked_norms,
)
from simlab.lensing.errors import LensError, LensingConfigError, RowsError
from simlab.lensing.files.pictures import read_image, write_png

Y, X = np.mgrid[:40, :60]
BLOB = 200 * np.exp(-((X - 30) ** 2 + (Y - 20) ** 2) / 50)


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            write_png(tmp_path / name / f"{number}.png", np.full((30, 30), 10 * number + 5))
    return tmp_path / "a", tmp_path / "b"


def write_shard(path, pictures, indices):
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "lensing-images"
        file["images"] = np.asarray(pictures, np.float32)
        file["index"] = np.asarray(indices, np.int64)
        names = [f"image-{index:06d}.png" for index in indices]
        file.create_dataset("filename", data=names, dtype=h5py.string_dtype())


def test_numbers_are_those_of_the_independent_program(data):
    pictures = np.load(data / "lensing" / "postprocess.npz")
    for case in json.loads((data / "lensing" / "compare.json").read_text()):
        a, b = pictures[case["first"]], pictures[case["second"]]
        pair = compare_pair(a, b)
        for key in ("norm", "relnorm", "minimum", "maximum"):
            assert pair[key] == pytest.approx(case[key], abs=1e-9), key
        discs = masked_norms(a, b)
        assert len(discs) == len(case["masked"])
        for disc, expected in zip(discs, case["masked"], strict=True):
            assert disc == pytest.approx(expected, abs=1e-9)


def test_a_picture_equals_itself():
    pair = compare_pair(BLOB, BLOB)
    assert (pair["norm"], pair["mae"], pair["differing"]) == (0, 0, 0)
    assert pair["psnr"] == math.inf
    assert pair["ssim"] == pytest.approx(1)
    assert (pair["flux_ratio"], pair["centroid_shift"]) == (1, 0)


def test_a_constant_difference_has_known_measures():
    pair = compare_pair(np.full((8, 10), 7.0), np.full((8, 10), 4.0))
    assert pair["size"] == pair["differing"] == 80
    assert pair["norm"] == pytest.approx(3 * math.sqrt(80))
    assert (pair["minimum"], pair["maximum"], pair["mae"]) == (3, 3, 3)
    assert pair["rmse"] == pytest.approx(3)
    assert pair["psnr"] == pytest.approx(20 * math.log10(255 / 3))
    luminance = (2 * 28 + 2.55**2) / (49 + 16 + 2.55**2)
    assert pair["ssim"] == pytest.approx(luminance)
    assert pair["flux_ratio"] == pytest.approx(7 / 4)


def test_structural_similarity_follows_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0, 255, (2, 9, 8))
    c1, c2 = 2.55**2, 7.65**2
    values = []
    for r in range(3):
        for c in range(2):
            p, q = (image[r : r + 7, c : c + 7].ravel() for image in (a, b))
            cov = np.cov(p, q)
            values.append(
                (2 * p.mean() * q.mean() + c1)
                * (2 * cov[0, 1] + c2)
                / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (cov[0, 0] + cov[1, 1] + c2))
            )
    assert compare_pair(a, b)["ssim"] == pytest.approx(np.mean(values), rel=1e-12)
    assert compare_pair(a[:6], b[:6])["ssim"] is None


def test_a_moved_picture_has_a_centroid_shift():
    moved = np.roll(BLOB, (3, -4), (0, 1))
    assert compare_pair(BLOB, moved)["centroid_shift"] == pytest.approx(5, abs=0.02)


def test_dark_pictures_have_no_centroid():
    dark = np.zeros_like(BLOB)
    pair = compare_pair(BLOB, dark)
    assert pair["flux_ratio"] is None
    assert pair["centroid_shift"] is None
    assert compare_pair(dark, dark)["flux_ratio"] == 1


def test_colors_count_as_three_values_and_one_pixel():
    color = np.repeat(BLOB[:, :, None], 3, axis=2)
    other = color.copy()
    other[5, 5, 0] += 10
    pair = compare_pair(color, other)
    assert (pair["size"], pair["differing"]) == (color.size, 1)
    assert pair["norm"] == pytest.approx(10)


def test_unequal_shapes_are_refused():
    with pytest.raises(LensError, match=r"shapes \(40, 60\) and \(60, 40\)"):
        compare_pair(BLOB, BLOB.T)


def test_a_difference_picture_is_gray_where_pictures_agree():
    a = np.array([[10, 0, 255, 11]])
    b = np.array([[10, 255, 0, 10]])
    assert difference_picture(a, b).tolist() == [[128, 0, 255, 128]]


def test_folders_are_compared_name_by_name(folders, tmp_path):
    a, b = folders
    write_png(b / "1.png", np.full((30, 30), 18))
    write_png(b / "2.png", np.full((30, 30), 24))
    result = compare_sets(a, b, diff_folder=tmp_path / "diff")
    assert [pair["name"] for pair in result["pairs"]] == ["1.png", "2.png", "0.png"]
    assert result["summary"] == {
        "n": 3,
        "n_bad": 2,
        "max_norm": pytest.approx(90),
        "mean_rmse": pytest.approx(4 / 3),
        "worst": "1.png",
    }
    assert result["errors"] == []
    assert set(read_image(tmp_path / "diff" / "1.png").ravel()) == {126}


def test_norms_in_discs_are_listed_above_the_threshold(folders):
    a, b = folders
    picture = np.full((30, 30), 15)
    picture[15, 15] = 18
    write_png(b / "1.png", picture)
    worst = compare_sets(a, b, masked=True, threshold=0)["pairs"][0]
    assert [disc["radius"] for disc in worst["masked"]] == [10]
    assert worst["masked"][0]["norm"] == 3
    worst = compare_sets(a, b, masked=True, threshold=3 / 316)["pairs"][0]
    assert worst["masked"] == []


def test_gray_pictures_may_count_as_three_channels(folders):
    a, b = folders
    write_png(b / "1.png", np.full((30, 30), 16))
    once, thrice = (compare_sets(a, b, bgr=bgr)["summary"]["max_norm"] for bgr in (False, True))
    assert thrice == pytest.approx(math.sqrt(3) * once)


def test_nothing_is_skipped_silently(folders):
    a, b = folders
    (a / "0.png").unlink()
    write_png(b / "1.png", np.zeros((20, 30)))
    write_png(a / "9.png", np.zeros((3, 3)))
    result = compare_sets(a, b)
    assert result["summary"]["n"] == 1
    assert result["errors"] == [
        f"0.png: only in {b}",
        "1.png: shapes 30x30 and 20x30 differ",
        f"9.png: only in {a}",
    ]


def test_two_files_are_a_pair_whatever_they_are_called(folders):
    a, b = folders
    result = compare_sets(a / "1.png", b / "2.png")
    assert result["summary"]["max_norm"] == pytest.approx(300)


def test_shards_are_matched_by_index(tmp_path):
    pictures = np.random.default_rng(2).uniform(0, 255, (5, 12, 12)).astype(np.float32)
    write_shard(tmp_path / "a.h5", pictures, range(1, 6))
    (tmp_path / "set").mkdir()
    write_shard(tmp_path / "set" / "00000.h5", pictures[[1, 0]], [2, 1])
    write_shard(tmp_path / "set" / "00001.h5", pictures[[2, 4]], [3, 5])
    result = compare_sets(tmp_path / "a.h5", tmp_path / "set")
    assert result["summary"]["n"] == 4
    assert result["summary"]["max_norm"] == 0
    assert result["errors"] == [f"image-000004.png: only in {tmp_path / 'a.h5'}"]


def test_pictures_and_shards_cannot_be_compared(folders, tmp_path):
    write_shard(tmp_path / "a.h5", np.zeros((1, 30, 30)), [1])
    with pytest.raises(LensingConfigError, match="two of a kind"):
        compare_sets(folders[0], tmp_path / "a.h5")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(RowsError, match="no pictures"):
        compare_sets(tmp_path, tmp_path)
    with pytest.raises(FileNotFoundError):
        compare_sets(tmp_path / "a.png", tmp_path / "b.png")


def test_maps_of_lenses_beside_pictures_are_no_pictures(tmp_path):
    for name in ("a", "b"):
        write_png(tmp_path / name / "one.png", np.full((8, 8), 7, np.uint8))
    with h5py.File(tmp_path / "a" / "psi-one.h5", "w") as file:
        file["potential"] = np.zeros((8, 8))
    result = compare_sets(tmp_path / "a", tmp_path / "b")
    assert result["summary"]["n"] == 1
    assert result["errors"] == []
