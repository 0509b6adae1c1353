"""`strict: true` makes errors of what is otherwise logged, in every stage; what files may name."""

import pytest
from afm_finished import HARTREE, SMALL, SmallDataset

from simlab.afm.specs import whole_spec
from simlab.core.errors import SimlabError


def test_close_periodic_images_stop_a_strict_shard(tmp_path):
    data = SmallDataset.of(tmp_path, {**HARTREE, "strict": True, "max_samples": 1})
    data.make_inputs()
    with pytest.raises(SimlabError, match="periodic images of the sample are"):
        data.make_shard("00000")
    assert not data.shards()[0].exists()


@pytest.mark.parametrize(("aux_maps", "refused"), [(["vdwSpheres"], True), (["HeightMap"], False)])
def test_elements_without_radii_are_refused_where_a_descriptor_needs_them(
    tmp_path, aux_maps, refused
):
    (tmp_path / "heavy.xyz").write_text("1\n\n113 0 0 0\n")
    mapping = {**SMALL, "molecules": [str(tmp_path / "heavy.xyz")], "aux_maps": aux_maps}
    data = SmallDataset.of(tmp_path / "data", mapping)
    if refused:
        with pytest.raises(SimlabError, match=r"element \w+; descriptors know radii up to Z 112"):
            data.make_inputs()
    else:
        data.make_inputs()


def test_absolute_paths_are_published_by_name(tmp_path, root):
    for path in SMALL["molecules"]:
        (tmp_path / path.split("/")[-1]).write_bytes((root / path).read_bytes())
    mapping = {**SMALL, "molecules": [f"{tmp_path}/*.xyz"], "max_samples": 2}
    data = SmallDataset.of(tmp_path / "data", mapping).make()
    data.finish("data")
    for path in data.folder.rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
    assert whole_spec(data.dataset)["molecules"] == ["*.xyz"]
