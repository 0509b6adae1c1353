"""The documentation does what it says: its code runs, its tables are those of the code."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

DOMAINS = ("ptycho", "afm", "halo", "calcium", "lensing")
REFERENCES = {
    f"docs/{domain}-{page}.md": (page, domain)
    for domain in DOMAINS
    for page in ("configuration", "commands")
}


def pages(root):
    return sorted((root / "docs").glob("*.md"))


def blocks(page, language):
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(), flags=re.MULTILINE | re.DOTALL)


def run_blocks(programs, folder):
    """Run programs one after the other in one process, each with names of its own."""
    driver = (
        "import sys\n"
        "for number, program in enumerate(eval(sys.stdin.read()), start=1):\n"
        "    exec(compile(program, f'block {number}', 'exec'), {'__name__': '__main__'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", driver],
        input=repr(programs),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def named_campaigns(page):
    """{name: text} of the campaigns of a page whose first line is a comment with their name."""
    named = (re.match(r"# (\w+\.yaml)\n", text) for text in blocks(page, "yaml"))
    return {match[1]: match.string for match in named if match}


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
    """The folder after the Python blocks of every page ran in it, and how many there were."""
    programs = [block for page in pages(root) for block in blocks(page, "python")]
    run_blocks(programs, reader)
    return reader, len(programs)


def test_python_examples_run(python_blocks_ran):
    folder, count = python_blocks_ran
    assert count > 20
    assert (folder / "sample.npz").is_file()
    assert (folder / "camels" / "tables" / "SB35_1" / "halos.csv").is_file()
    assert [path.name for path in sorted(folder.glob("batch_*.npz"))] == [
        "batch_0.npz",
        "batch_1.npz",
    ]


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
        for line in block.splitlines()
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


@pytest.mark.parametrize("path", REFERENCES)
def test_reference_tables_are_those_of_the_code(root, path):
    from simlab.schema import PAGES

    page, domain = REFERENCES[path]
    assert (root / path).read_text() == PAGES[page](domain), "run `make schemas`"


def test_the_table_of_checks_has_their_names_and_order(root, finished):
    text = (root / "docs" / "ptycho-physics.md").read_text()
    named = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, flags=re.MULTILINE)
    rows = json.loads((finished / "results" / "ptycho" / "tiny" / "checks.json").read_text())
    assert named == [(str(number), row["id"]) for number, row in enumerate(rows, start=1)]


def test_the_table_of_halo_checks_has_their_ids_in_order(root, finished_halo):
    text = (root / "docs" / "halo-physics.md").read_text()
    named = re.findall(r"^\| (C\d+) \|", text, flags=re.MULTILINE)
    assert named == [row["id"] for row in json.loads((finished_halo / "checks.json").read_text())]


def test_the_table_of_afm_checks_has_their_ids_in_order(root, finished_afm):
    text = (root / "docs" / "afm-physics.md").read_text()
    named = re.findall(r"^\| `(afm\.\w+)` \|", text, flags=re.MULTILINE)
    rows = json.loads((finished_afm / "checks.json").read_text())
    found = [".".join(row["id"].split(".")[:2]) for row in rows]
    assert named == list(dict.fromkeys(found))


def test_the_contract_of_afm_names_what_the_files_hold(root, finished_afm):
    import h5py
    import numpy as np

    text = (root / "docs" / "afm-data-contract.md").read_text()
    with h5py.File(finished_afm / "shards" / "shard_00000.h5") as shard:
        held = set(shard.attrs)
        shard.visititems(lambda name, item: held.add(name) if hasattr(item, "shape") else None)
    for path in finished_afm.rglob("*.npz"):
        with np.load(path, allow_pickle=path.parent.name == "batches") as arrays:
            held |= set(arrays)
    for table in ("index.csv", "molecules.csv"):
        held |= set((finished_afm / table).read_text().splitlines()[0].split(","))
    summary = json.loads((finished_afm / "normalization.json").read_text())
    held |= {*summary, *summary["histograms"], *summary["histograms"]["tilt"]}
    held |= {*summary["afm"]["CO"][0], *summary["desc"]["HeightMap"]}
    assert {name for name in held if f"`{name}`" not in text} == set()


def test_the_table_of_calcium_checks_has_their_ids_in_order(root, finished_calcium):
    text = (root / "docs" / "calcium-data-contract.md").read_text().split("## Checks")[1]
    named = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    rows = json.loads((finished_calcium / "checks.json").read_text())
    assert named == [row["id"] for row in rows]


def test_the_contract_of_calcium_movies_names_what_the_files_hold(root, finished_calcium):
    import h5py

    text = (root / "docs" / "calcium-data-contract.md").read_text()
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"[\w.]+", " ".join(re.findall(r"`([^`]+)`", text))))
    held = set()

    def note(name, item):
        held.update({name.split("/")[-1], *item.attrs})

    for path in finished_calcium.rglob("*.h5"):
        with h5py.File(path) as file:
            held |= set(file.attrs)
            file.visititems(note)
    held |= set((finished_calcium / "index.csv").read_text().splitlines()[0].split(","))
    for pattern in ("statistics/*.json", "normalization.json", "videos/*.json"):
        content = json.loads(next(finished_calcium.glob(pattern)).read_text())
        held |= {*content, *content.get("clean", ()), *content.get("histogram", ())}
    keys = {path.stem for path in finished_calcium.glob("recordings/*.h5")}
    axes = {"acquisition.optics.na"}
    assert held - named - keys - axes == set()


def test_the_table_of_lensing_checks_has_their_ids_in_order(root, finished_lensing):
    text = (root / "docs" / "lensing-data-contract.md").read_text().split("## Checks")[1]
    named = re.findall(r"^\| `([\w-]+)` \|", text, flags=re.MULTILINE)
    rows = json.loads((finished_lensing / "checks.json").read_text())
    assert named == [row["id"] for row in rows]


def test_the_contract_of_lensing_names_what_the_files_hold(root, finished_lensing):
    import h5py
    import numpy as np

    from simlab.lensing.roulette import COLUMN

    text = (root / "docs" / "lensing-data-contract.md").read_text()
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))
    held = set()

    def note(name):
        held.add(name.split("/")[-1])

    for path in finished_lensing.rglob("*.h5"):
        with h5py.File(path) as file:
            held |= set(file.attrs)
            file.visit(note)
    for path in finished_lensing.rglob("*.npz"):
        with np.load(path) as arrays:
            held |= set(arrays)
    for path in finished_lensing.rglob("*.csv"):
        header = path.read_text().splitlines()[0].split(",")
        held |= {column for column in header if not COLUMN.fullmatch(column)}
    for pattern in ("normalization.json", "compare/*.json", "formulas/*.json"):
        content = json.loads(next(finished_lensing.glob(pattern)).read_text())
        held |= {*content, *content.get("images", ()), *content.get("rows", ())}
        held |= {*content.get("summary", ()), *content.get("pairs", [()])[0]}
        held |= set(content["amplitudes"].get("alpha[1][0]", ()) if "r0" in content else ())
    assert held - named == set()


def test_the_contract_of_lensing_tells_all_statuses_and_columns(root):
    from simlab.lensing.recovery import NOT_LEARNED, POINT_COLUMNS
    from simlab.lensing.rows import INPUT_COLUMNS, PICTURE_COLUMNS
    from simlab.lensing.status import EXCLUDED, STATUSES

    text = (root / "docs" / "lensing-data-contract.md").read_text()
    rows = re.findall(r"^\| (\d) \| `([\w-]+)` \| (.*) \|$", text, flags=re.MULTILINE)
    dealt = {word: "`excluded`" if word in EXCLUDED else "as dealt" for word in STATUSES}
    assert rows == [(str(n), word, dealt[word]) for n, word in enumerate(STATUSES)]
    columns = {*INPUT_COLUMNS, *PICTURE_COLUMNS, *POINT_COLUMNS, *NOT_LEARNED}
    assert {column for column in columns if f"`{column}`" not in text} == set()


def test_the_tables_of_descriptors_and_flags_are_complete(root):
    from simlab.afm.aux_options import AUX_OPTIONS
    from simlab.afm.flags import MEANINGS

    physics = (root / "docs" / "afm-physics.md").read_text()
    section = physics.split("## Descriptors")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == set(AUX_OPTIONS)
    contract = (root / "docs" / "afm-data-contract.md").read_text()
    bits = re.findall(r"^\| (\d) \| (\d+) \|", contract, flags=re.MULTILINE)
    assert [(1 << int(bit), int(value)) for bit, value in bits] == [(b, b) for b in MEANINGS]


def test_the_contract_of_halo_maps_names_what_the_files_hold(root, finished_halo):
    import numpy as np

    text = (root / "docs" / "halo-data-contract.md").read_text()
    record = json.loads(next(finished_halo.glob("train/sim_*/shard_*.json")).read_text())
    held = {*record, *record["samples"][0], *record["haloes"][0]}
    summary = json.loads((finished_halo / "normalization.json").read_text())
    held |= {*summary, *summary["fields"]}
    held |= set(json.loads((finished_halo / "split.json").read_text()))
    for path in (*finished_halo.glob("*.npz"), next(finished_halo.glob("train/sim_*/*.npz"))):
        with np.load(path) as arrays:
            held |= set(arrays)
    header = (finished_halo / "index.csv").read_text().splitlines()[0].split(",")
    held |= set(header[: header.index("Omega0")])
    assert {name for name in held if f"`{name}`" not in text} == set()


def test_the_tables_of_kinds_are_complete(root):
    from simlab.ptycho.kinds import LAYOUT_OPTIONS, OBJECT_PARAMS, PROBE_PARAMS

    physics = (root / "docs" / "ptycho-physics.md").read_text()
    named = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", physics, flags=re.MULTILINE)
    named = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert named >= {*OBJECT_PARAMS, *PROBE_PARAMS}
    how_to = (root / "docs" / "ptycho-how-to.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", how_to, flags=re.MULTILINE)) >= set(LAYOUT_OPTIONS)


def test_the_table_of_rules_is_complete(root):
    text = (root / "docs" / "workflow.md").read_text()
    for domain in DOMAINS:
        rules = (root / "workflow" / "rules" / f"{domain}.smk").read_text()
        names = set(re.findall(rf"^rule ({domain}_\w+):", rules, flags=re.MULTILINE))
        names |= set(re.findall(rf'f"({domain}_\w+?){{suffix}}"', rules))
        rows = re.findall(rf"^\| (`{domain}_.*?) \|", text, flags=re.MULTILINE)
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == names


def test_the_listed_statistics_are_those_of_the_file(root, finished):
    path = finished / "results" / "ptycho" / "tiny" / "normalization.json"
    statistics = set(json.loads(path.read_text()))
    text = (root / "docs" / "ptycho-physics.md").read_text()
    section = text.split("## Normalization statistics")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    common = {"format", "split", "n", "n_samples", "n_total", "N", "nphotons", "measurement_domain"}
    assert named == statistics - common


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
    shown = {
        path for page in pages(root) for path in re.findall(r"images/(\w+\.png)", page.read_text())
    }
    previews = {"siemens64.png", "seed_co.png", "miniscope_ca1.png"}
    assert set(drawn) == shown - previews
    for name in drawn:
        new, old = imread(tmp_path / name), imread(root / "docs" / "images" / name)
        assert new.shape == old.shape, name
        assert abs(new - old).mean() < 0.005, f"{name}: run `python docs/figures.py`"


def test_the_site_builds_without_warnings(root, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    for domain in DOMAINS:
        assert (tmp_path / f"{domain}-how-to" / "index.html").is_file()
