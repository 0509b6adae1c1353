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
DOMAINS = tuple(CAMPAIGN)


def manifests(directory):
    """{domain: bytes of its manifest} of a finished campaign."""
    return {
        domain: (directory / "results" / domain / "tiny" / "manifest.json").read_bytes()
        for domain in DOMAINS
    }
