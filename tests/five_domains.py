"""A campaign of all five domains that takes about a minute, for tests of the workflow itself."""

from calcium_finished import SPEC

PTYCHO = {
    "object": {"size": 80},
    "probe": {"N": 32},
    "scan": {"n_images": 24},
    "frames_per_shard": 8,
}
AFM = {
    "molecules": [
        "resources/afm/molecules/formic_acid.xyz",
        "resources/afm/molecules/g2_NH3.xyz",
    ],
    "simulator": {
        "pixPerAngstrome": 8,
        "scan_dim": [24, 20, 12],
        "scan_window": [[3, 3, 5], [15, 13, 6.2]],
        "df_steps": 5,
    },
    "augment": {"rotations": 20, "n_best": 2},
    "batch_size": 2,
    "samples_per_shard": 2,
}
HALO = {
    "source": {"kind": "synthetic", "n_grid": 16},
    "simulations": {"total": 2, "test_fraction": 0.5},
    "haloes": {"max_per_simulation": 3},
    "rotations": {"number": 2},
    "maps": {"resolution": 16},
}
CALCIUM = {
    "spec": SPEC,
    "sweep": {"axes": {"seed": [1, 2]}},
    "frames_per_part": 12,
}
LENSING = {
    "simulator": {"size": 6, "imagesize": 64, "nterms": 5, "seed": 5},
    "output": {"shard_size": 3, "resim": True},
}
CAMPAIGN = {
    "ptycho": {"datasets": {"tiny": PTYCHO}},
    "afm": {"datasets": {"tiny": AFM}},
    "halo": {"datasets": {"tiny": HALO}},
    "calcium": {"datasets": {"tiny": CALCIUM}},
    "lensing": {"datasets": {"tiny": LENSING}},
}
EXTRAS = {
    "ptycho": {
        "split": {"axis": "y", "fraction": 0.8, "files": True},
        "grouping": {"gridsize": 2, "K": 4},
        "output": {"npz": True},
    },
    "afm": {"export": "batches"},
    "halo": {},
    "calcium": {
        "video": True,
        "stages": ["vignette"],
        "splits": {"train": 1.0, "val": 0.0, "test": 0.0},
        "training": {
            "patch": 16, "frames": 4, "samples_per_recording": 3, "samples_per_shard": 4
        },
    },
    "lensing": {
        "output": {
            "shard_size": 3, "resim": True, "png": True, "roulette_images": True,
            "formulas": ["SIS3"],
        }
    },
}  # fmt: skip
"""What the campaign leaves out."""
WHOLE = {
    domain: {"datasets": {"tiny": CAMPAIGN[domain]["datasets"]["tiny"] | extra}}
    for domain, extra in EXTRAS.items()
}
"""A campaign that makes files of every kind."""
DOMAINS = tuple(CAMPAIGN)


def manifests(directory):
    """{domain: bytes of its manifest} of a finished campaign."""
    return {
        domain: (directory / "results" / domain / "tiny" / "manifest.json").read_bytes()
        for domain in DOMAINS
    }
