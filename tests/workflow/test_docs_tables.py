"""The tables of the documentation are those of the code and of the files that it writes."""

import json
import re

import pytest
from docs_pages import DOMAINS

REFERENCES = {
    f"docs/{domain}-{page}.md": (page, domain)
    for domain in DOMAINS
    for page in ("configuration", "commands")
}


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


def test_the_page_of_common_files_names_what_all_data_sets_hold(
    root, finished, finished_afm, finished_halo, finished_calcium, finished_lensing
):
    import h5py

    text = (root / "docs" / "files.md").read_text()
    tiny = finished / "results" / "ptycho" / "tiny"
    for folder in (tiny, finished_afm, finished_halo, finished_calcium, finished_lensing):
        manifest = json.loads((folder / "manifest.json").read_text())
        held = {*manifest, *next(iter(manifest["files"].values()))}
        held |= set(json.loads((folder / "checks.json").read_text())[0])
        held |= set((folder / "index.csv").read_text().splitlines()[0].split(",")[:4])
        assert {name for name in held if f"`{name}`" not in text} == set(), folder
        assert {"format", "split", "n_samples"} <= set(
            json.loads((folder / "normalization.json").read_text())
        )
        for path in folder.rglob("*.h5"):
            if path.parent.name in ("shards", "images", "training") or path.parent == folder:
                with h5py.File(path) as file:
                    common = {"format", "format_version", "spec", "seed", "code", "versions"}
                    assert common <= set(file.attrs), path


def test_the_first_page_lists_the_data_sets_of_the_default_campaign(root, monkeypatch):
    from simlab.campaign import load_campaign
    from simlab.core.yaml_files import read_yaml

    monkeypatch.chdir(root)
    campaign = load_campaign(read_yaml(root / "config" / "config.yaml"), "config/config.yaml")
    text = (root / "docs" / "index.md").read_text()
    rows = re.findall(r"^\| `(\w+/[\w-]+)` \| (\d+) ", text, flags=re.MULTILINE)
    made = [(f"{e.domain}/{e.dataset}", str(e.samples)) for e in campaign.estimates()]
    assert rows == made


def test_the_contract_of_ptychography_names_the_files_of_a_data_set(root, finished):
    text = (root / "docs" / "ptycho-data-contract.md").read_text()
    folder = text.split("## Folder")[1].split("\n## ")[0]
    named = set(re.findall(r"`([\w./{}]+)`", folder))
    tiny = finished / "results" / "ptycho" / "tiny"
    held = {path.relative_to(tiny).as_posix() for path in tiny.rglob("*") if path.is_file()}
    assert {re.sub(r"\d{5}", "{shard}", name) for name in held} <= named
