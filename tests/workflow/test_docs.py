"""The code of the documentation runs and prints what is shown, and its links lead somewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from docs_pages import DOMAINS, blocks, named_campaigns, pages, programs, run_blocks


@pytest.fixture(scope="module")
def reader(
    root,
    finished,
    finished_afm,
    finished_calcium,
    finished_halo,
    finished_lensing,
    tmp_path_factory,
):
    """A folder with finished data sets and simulations, as a reader of the pages has it."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "resources").symlink_to(root / "resources")
    shutil.copytree(finished_afm, folder / "results" / "afm" / "seed_co")
    shutil.copytree(finished_calcium, folder / "results" / "calcium" / "aperture_sweep")
    shutil.copytree(finished_lensing, folder / "results" / "lensing" / "roulette-mixed")
    tiny = finished / "results" / "ptycho" / "tiny"
    shutil.copytree(tiny, folder / "results" / "ptycho" / "leaves")
    shutil.copy(tiny / "simulated.npz", folder)
    shutil.copytree(finished_halo, folder / "results" / "halo" / "camels64")
    shutil.copytree(finished_halo / "inputs", folder / "camels")
    for part in ("DMO", "Hydro", "FOF"):
        shutil.copytree(folder / "camels" / part / "SB35_0", folder / "camels" / part / "CV_0")
    table = (folder / "camels" / "params.csv").read_text().replace("SB35_", "CV_")
    (folder / "camels" / "CosmoAstroSeed_IllustrisTNG_L50n512_CV.txt").write_text(table)
    return folder


@pytest.fixture(scope="module")
def python_blocks_ran(root, reader):
    """(folder, [(page, program, shown, printed)]) after the Python blocks of every page ran."""
    written = [(page.name, *pair) for page in pages(root) for pair in programs(page)]
    printed = run_blocks([program for _, program, _ in written], reader)
    return reader, [(*block, text) for block, text in zip(written, printed, strict=True)]


def test_python_examples_run(python_blocks_ran):
    folder, written = python_blocks_ran
    assert len(written) > 20
    assert (folder / "sample.npz").is_file()
    assert (folder / "camels" / "tables" / "SB35_1" / "halos.csv").is_file()
    assert [path.name for path in sorted(folder.glob("batch_*.npz"))] == [
        "batch_0.npz",
        "batch_1.npz",
    ]


def test_examples_print_the_output_that_is_shown_below_them(python_blocks_ran):
    compared = [block for block in python_blocks_ran[1] if block[2]]
    assert {name.split("-")[0] for name, *_ in compared} >= set(DOMAINS)
    for name, program, shown, printed in compared:
        assert printed == shown, f"{name}\n{program}"


def test_yaml_examples_are_campaigns_or_data_sets_that_can_be_planned(
    root, python_blocks_ran, monkeypatch
):
    from simlab.campaign import Campaign, load_campaign

    monkeypatch.chdir(python_blocks_ran[0])
    examples = [(page.name, text) for page in pages(root) for text in blocks(page, "yaml")]
    assert len(examples) > 20
    for name, text in examples:
        content = yaml.safe_load(text)
        if not set(content) <= set(Campaign.model_fields):
            content = {name.split("-")[0]: {"datasets": {"example": content}}}
        assert load_campaign(content, name).estimates(), text


def as_tested(words, clone):
    """A command of a page as it can run on one machine without a cluster."""
    if words[0] == "mpirun":
        return words if shutil.which("mpirun") else words[words.index("-n") + 2 :]
    if words[0] == "sbatch":
        assert (clone / words[2]).is_file(), words
        return ["bash", "-n", words[1]]
    return words


def test_shell_examples_run(root, finished, python_blocks_ran, clone_to, tmp_path):
    clone = clone_to(tmp_path)
    shutil.copytree(python_blocks_ran[0] / "dft", clone / "dft")
    for made in ("params.ini", "spec.json", "scored.h5", "estimate.npz"):
        shutil.copy(python_blocks_ran[0] / made, clone)
    shutil.copytree(
        finished / "results" / "ptycho" / "tiny", clone / "results" / "ptycho" / "leaves"
    )
    for page in pages(root):
        for name, text in named_campaigns(page).items():
            (clone / name).write_text(text)
    ran_elsewhere = (root / "README.md").read_text().splitlines()
    lines = [
        line
        for page in pages(root)
        for block in blocks(page, "bash")
        for line in re.sub(r" \\\n +", " ", block).splitlines()
        if line not in ran_elsewhere and not line.startswith("make ")
    ]
    assert len(lines) > 20
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    for line in lines:
        done = subprocess.run(
            as_tested(shlex.split(line), clone),
            cwd=clone,
            capture_output=True,
            text=True,
            env={**os.environ, **as_root},
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    for made in ("star.npz", "star_data.h5", "star_parts/train.npz", "star.cxi"):
        assert (clone / made).is_file(), made
    indexes = [clone / name / "train_data_rotated_128" / "index.csv" for name in ("halos", "ranks")]
    assert indexes[0].read_text() == indexes[1].read_text()


def test_the_snakemake_example_plans(root, tmp_path, snakemake):
    ((example,),) = filter(None, (blocks(page, "snakemake") for page in pages(root)))
    (tmp_path / "Snakefile").write_text(example)
    (tmp_path / "simlab").symlink_to(root)
    output = snakemake("--dry-run", snakefile=tmp_path / "Snakefile")
    assert "rule simlab_ptycho_diffraction" in output
    assert "rule train" in output


def test_make_commands_of_the_pages_exist(root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for page in pages(root):
        for target in re.findall(r"(?:^|`)make ([a-z-]+)(?:$|`)", page.read_text(), re.MULTILINE):
            assert target in targets, (page.name, target)


def test_links_and_anchors_lead_somewhere(root):
    from markdown.extensions.toc import slugify

    for page in pages(root):
        text = page.read_text()
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text):
            linked = page.parent / target if target else page
            assert linked.is_file(), (page.name, target)
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE) if anchor else []
            assert not anchor or anchor in [slugify(h, "-") for h in headings], (page.name, anchor)


def test_pages_name_no_address_and_no_path_of_one_machine(root):
    for page in pages(root):
        text = page.read_text()
        assert "://" not in text, page.name
        assert not re.search(r"(?<![\w.])/(work|tmp|home|root|usr)/", text), page.name


def test_figures_are_those_of_their_script(root, tmp_path):
    from matplotlib.image import imread

    subprocess.run([sys.executable, root / "docs" / "figures.py", tmp_path], check=True)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    picture = r"!\[[^\]]*\]\((?:\.\./)?images/(\w+\.\w+)\)"
    shown = {path for page in pages(root) for path in re.findall(picture, page.read_text())}
    previews = {"siemens64.png", "seed_co.png", "miniscope_ca1.png"}
    assert set(drawn) == shown - previews
    for name in drawn:
        if name.endswith(".svg"):
            made = (tmp_path / name).read_bytes()
            assert made == (root / "docs" / "images" / name).read_bytes(), name
            continue
        new, old = imread(tmp_path / name), imread(root / "docs" / "images" / name)
        assert new.shape == old.shape, name
        assert abs(new - old).mean() < 0.005, f"{name}: run `python docs/figures.py`"
