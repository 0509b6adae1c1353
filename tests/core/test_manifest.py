"""A manifest finds every change of the files it names."""

import h5py
import numpy as np
import pytest

from simlab.core.errors import InputFileError, IntegrityError
from simlab.core.files import write_json, write_npz
from simlab.core.manifest import require_verified, verify, write_manifest


@pytest.fixture
def folder(tmp_path):
    write_npz(tmp_path / "a.npz", {"x": np.zeros((2, 3), np.float32)})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["group/frames"] = np.zeros((4, 2))
    write_json(tmp_path / "sub" / "c.json", {"x": 1})
    write_manifest(
        tmp_path / "manifest.json",
        domain="ptycho",
        dataset="d",
        files=["b.h5", "a.npz", "sub/c.json"],
        spec={"n": 1},
        seed=3,
        code="abc",
    )
    return tmp_path


def test_an_untouched_data_set_verifies(folder):
    assert verify(folder) == verify(folder / "manifest.json") == []


def test_arrays_are_listed_with_shape_and_dtype(folder):
    from simlab.core.files import read_json

    files = read_json(folder / "manifest.json")["files"]
    assert files["a.npz"]["arrays"] == {"x": {"shape": [2, 3], "dtype": "float32"}}
    assert files["b.h5"]["arrays"] == {"group/frames": {"shape": [4, 2], "dtype": "float64"}}
    assert files["sub/c.json"]["arrays"] == {}


def test_one_flipped_bit_is_found(folder):
    content = bytearray((folder / "a.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "a.npz").write_bytes(content)
    (problem,) = verify(folder)
    assert "a.npz: content differs" in problem


def test_a_missing_and_a_longer_file_are_found(folder):
    (folder / "sub" / "c.json").unlink()
    with open(folder / "b.h5", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(IntegrityError, match="2 problems") as caught:
        require_verified([folder])
    assert "c.json: missing" in str(caught.value)
    assert "bytes, the manifest says" in str(caught.value)


def test_what_is_made_with_another_file_says_so(folder):
    known = {"sub/c.json": {"sha256": "0" * 64, "bytes": 1, "made_with": "a.npz"}}
    write_manifest(
        folder / "manifest.json",
        domain="halo",
        dataset="d",
        files=["sub/c.json"],
        spec={},
        seed=3,
        code="abc",
        known=known,
    )
    (problem,) = verify(folder)
    assert problem.endswith(f"; delete {folder / 'a.npz'} too")


def test_another_json_file_is_no_manifest(folder):
    with pytest.raises(InputFileError, match="not a manifest"):
        verify(folder / "sub" / "c.json")


def test_a_folder_without_manifest_does_not_hide_the_problems_of_another(folder, tmp_path):
    (folder / "a.npz").unlink()
    with pytest.raises(IntegrityError, match="2 problems") as caught:
        require_verified([folder, tmp_path / "nothing"])
    assert "a.npz: missing" in str(caught.value)
    assert "file not found" in str(caught.value)
