"""A whole simulation in one process: the stages of the workflow, called one after the other."""

import glob
import logging
import math
import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config, user_path
from simlab.core.errors import ConfigError, SimlabError
from simlab.core.files import STALE_AFTER_S, sha256_of
from simlab.core.provenance import code_digest
from simlab.core.random import generator
from simlab.core.sharding import shard_range
from simlab.ptycho import plan, specs
from simlab.ptycho.cache import memoize_raw_data
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.dataset import read_dataset, write_dataset
from simlab.ptycho.feasibility import simulation_problems
from simlab.ptycho.files.inputs import write_input
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.metadata import spec_digest
from simlab.ptycho.objects import build_objects
from simlab.ptycho.photons import counts_of
from simlab.ptycho.probes import build_probe, incoherent_modes
from simlab.ptycho.simulation import CACHE_DIR
from simlab.ptycho.stages.dataset import export_npz, merge_shards
from simlab.ptycho.stages.diffraction import write_shard
from simlab.ptycho.stages.positions import write_positions
from simlab.ptycho.stages.power import write_power
from simlab.ptycho.stages.scale import write_scale

CACHED_BYTES = 1 << 30
SUFFIXES = (".npz", ".h5", ".hdf5")
WORKPLACE = ".working"

logger = logging.getLogger("simlab.ptycho")


@dataclass(frozen=True)
class Run:
    """How to run, as opposed to what to simulate.

    Attributes
    ----------
    threads : int
    batch : int or None
        Frames a block; None = as fit the cache.
    allow_small_object : bool
    force : bool
        Replace an output of other parameters.
    use_cache : bool
    cache_dir : path or None
    """

    threads: int = 1
    batch: int | None = None
    allow_small_object: bool = False
    force: bool = False
    use_cache: bool = True
    cache_dir: Path | None = None


@dataclass(frozen=True)
class Summary:
    """What was written: frames M, side N, mean counts per frame."""

    frames: int
    side: int
    mean_counts: float


def write_stage1(config, path, sources=(None, None)):
    """Make object and probe of a Stage1Config and write the stage-1 file.

    `sources`: arrays of object and probe already read, for kind: file. Returns both records.
    """
    objects, object_record = build_objects(
        config.object, config.object_side, config.seed, sources[0]
    )
    probe, probe_record = build_probe(config.probe, config.seed, sources[1])
    write_input(path, objects, probe)
    return object_record, probe_record


def simulate_doses(dataset, stage1, outputs, run, finish=None):
    """Simulate the same frames at one or several doses; positions and power are found once.

    npz files of up to 1 GiB go through the memoization cache; larger ones and HDF5 files are
    streamed and never do, which a log line says. All outputs appear together, at the end.

    Parameters
    ----------
    dataset : DatasetConfig
        Of its object and probe sections only the number of probe modes is used.
    stage1 : dict
        Object and probe, from `read_input`.
    outputs : mapping
        Photons per pattern -> file to write (.npz, .h5 or .hdf5), all in one folder.
    run : Run
    finish : function, optional
        Called with the path of each finished file, before it is moved to its place; files that
        it writes beside it are moved as well.

    Returns
    -------
    list of Summary
    """
    outputs = {nphotons: Path(path) for nphotons, path in outputs.items()}
    for path in outputs.values():
        if path.suffix not in SUFFIXES:
            raise ConfigError(f"{path}: output files end in {', '.join(SUFFIXES)}")
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder, an output file is expected")
    if len(set(outputs.values())) < len(outputs):
        raise ConfigError(f"photons {list(outputs)}: some doses have the same file name")
    variants = {path: with_photons(dataset, dose) for dose, path in outputs.items()}
    first = next(iter(variants))
    sizes = sizes_of(dataset, stage1, allow_small_object=run.allow_small_object)
    with workplace(first) as folder:
        stage1 = write_placed_input(stage1, dataset, folder / "input.npz")
        digest = sha256_of(folder / "input.npz")
        for path, variant in variants.items():
            if not run.force:
                refuse_other_parameters(path, spec_digest(variant, digest))
        place(dataset, sizes, folder)
        ready, done = folder / "ready", []
        ready.mkdir()
        for path, variant in variants.items():
            made = ready / path.name
            done.append(_write(variant, digest, sizes, run, folder, made))
            if finish:
                finish(made)
        for made in sorted(ready.iterdir()):
            os.replace(made, first.with_name(made.name))
        return done


def with_photons(dataset, nphotons):
    """`dataset` with another number of photons per pattern."""
    values = dataset.detector.model_dump(mode="json") | {"nphotons": nphotons}
    detector = parse_config(DetectorConfig, values, "detector")
    return dataset.model_copy(update={"detector": detector})


def _write(dataset, digest, sizes, run, folder, output):
    small = sizes.frames * sizes.N**2 * 12 <= CACHED_BYTES
    if run.use_cache and small and output.suffix == ".npz":
        users = {
            key: sha256_of(path)
            for key, path in plan.user_files(dataset).items()
            if key in ("scan.file", "detector.mask_file")
        }
        raw = simulated(
            frame_spec(dataset),
            digest,
            users,
            dataset=dataset,
            folder=folder,
            sizes=sizes,
            run=run,
            use_cache=True,
            cache_dir=run.cache_dir,
        )
        layout = dataset.output
        write_dataset(output, raw, contract=layout.contract, compression=layout.compression)
    else:
        if run.use_cache:
            logger.info("%s is streamed and does not use the cache", output.name)
        stream(dataset, sizes, run, folder, output)
    return summary_of(output)


def frame_spec(dataset):
    """The values that the arrays and the record of a run depend on, next to its stage-1 file."""
    layout = {"npz", "contract", "compression", "merge"}
    apart = {"object", "probe", "grouping", "split", "frames_per_shard", "target_seconds"}
    return dataset.model_dump(mode="json", exclude=dict.fromkeys(apart, True) | {"output": layout})


@contextmanager
def workplace(output):
    """Temporary folder beside `output`; SimlabError where there cannot be one.

    It is removed at the end, folders made for it as well if the block fails. SIGTERM ends the
    block like an error. What killed runs left behind goes after a day.
    """
    made = [path for path in (output.parent, *output.parent.parents) if not path.exists()]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        sweep_stale(output)
        directory = tempfile.TemporaryDirectory(
            dir=output.parent, prefix=f".{output.name}.", suffix=WORKPLACE
        )
    except OSError as error:
        raise SimlabError(f"cannot write {output}: {error.strerror}") from None
    try:
        with directory as folder, sigterm_as_exit():
            yield Path(folder)
    except BaseException:
        with suppress(OSError):
            for path in made:
                path.rmdir()
        raise


def sweep_stale(output, older_than=STALE_AFTER_S):
    """Remove the working folders that killed runs left beside `output`.

    One counts as left behind when nothing in it was written for `older_than` seconds.
    """
    for folder in output.parent.glob(f".{glob.escape(output.name)}.*{WORKPLACE}"):
        with suppress(FileNotFoundError):  # another run may end, or sweep, at the same time
            newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - newest > older_than:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sigterm_as_exit():
    """SIGTERM raises SystemExit within the block, unless the program handles it itself."""

    def leave(number, frame):
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def write_placed_input(stage1, dataset, path):
    """Write the stage-1 arrays, with the incoherent modes asked for, to `path`; returns them."""
    probe, modes = stage1["probeGuess"], dataset.probe.modes
    if modes.count > 1:
        if probe.ndim == 3:
            raise ConfigError(f"probe modes: the file's probe already has {len(probe)} modes")
        rng = generator(dataset.seed, "ptycho.probe", 0)
        probe = incoherent_modes(probe, modes.count, modes.powers, rng)
    write_input(path, stage1["objectGuess"], probe)
    return {**stage1, "probeGuess": probe}


def refuse_other_parameters(output, digest):
    """SimlabError if `output` exists and was not made with the parameters of `digest`."""
    if not output.exists():
        return
    try:
        with open_dataset(output) as data:
            recorded = (data.metadata or {}).get("simulation", {}).get("spec_sha256")
    except SimlabError:
        recorded = None
    if recorded != digest:
        raise SimlabError(
            f"{output} exists and was made from other parameters; --force replaces it"
        )


def sizes_of(dataset, stage1, *, allow_small_object=False):
    """Geometry of a simulation of stage-1 arrays; ConfigError with all that makes it impossible."""
    objects, side = stage1["objectGuess"], stage1["probeGuess"].shape[-1]
    count = len(objects) if objects.ndim == 3 else 1
    sizes = plan.sizes_of(dataset, side, objects.shape[-2:], count)
    problems = simulation_problems(dataset, sizes, allow_small_object=allow_small_object)
    if problems:
        raise ConfigError("; ".join(problems))
    return sizes


def place(dataset, sizes, folder):
    """Write the scan positions and their power into `folder`."""
    source, positions = folder / "input.npz", folder / "positions.npz"
    write_positions(
        specs.positions_spec(dataset),
        source,
        user_path(dataset.scan.file) if dataset.scan.file else None,
        positions,
        folder / "positions.json",
    )
    for shard in sizes.shards:
        write_power(
            specs.power_spec(dataset, sizes),
            source,
            positions,
            shard_range(shard, sizes.frames, sizes.per_shard),
            folder / f"{shard}.power.npz",
        )


@memoize_raw_data(
    default_cache_dir=CACHE_DIR,
    cache_prefix="simulate",
    exclude_keys=("dataset", "folder", "sizes", "run"),
)
def simulated(spec, input_sha256, user_files, *, dataset, folder, sizes, run):
    """The data set of a run as `RawData`; spec and hashes are its key in the cache."""
    output = folder / "simulated.h5"
    stream(dataset, sizes, run, folder, output)
    return read_dataset(output)


def stream(dataset, sizes, run, folder, output):
    """Simulate the frames placed in `folder`, shard by shard, and write `output`."""
    names = ("input.npz", "positions.npz", "positions.json", "scale.json")
    source, positions, report, scale = (folder / name for name in names)
    mask = user_path(dataset.detector.mask_file) if dataset.detector.mask_file else None
    patches = plan.stores_patches(dataset, sizes)
    powers, shards, statistics = (
        [folder / f"{shard}{end}" for shard in sizes.shards]
        for end in (".power.npz", ".h5", ".statistics.npz")
    )
    code = code_digest("simlab/ptycho/stages/diffraction.py")
    write_scale(specs.scale_spec(dataset), powers, scale)
    for name, shard, values in zip(sizes.shards, shards, statistics, strict=True):
        write_shard(
            {**specs.diffraction_spec(dataset, sizes, patches), "code": code},
            source,
            positions,
            scale,
            mask,
            shard_range(name, sizes.frames, sizes.per_shard),
            shard,
            values,
            threads=run.threads,
            batch=run.batch,
        )
    merged = folder / "simulated.h5" if output.suffix == ".npz" else output
    own = dataset.model_copy(update={"output": dataset.output.model_copy(update={"merge": "copy"})})
    merge_shards(own, patches, source, report, scale, shards, statistics, mask, code, merged)
    if merged != output:
        export_npz(specs.npz_spec(dataset), merged, output)


def summary_of(path):
    """Summary of a data set file."""
    with open_dataset(path) as data:
        frames, totals, start = data.frames, [], 0
        shape = frames.layout("diff3d")[0]
        scale = np.full(len(frames), float(data.shared["intensity_scale"]))
        if "frame_scale" in frames.keys:
            scale = frames.read("frame_scale")
        for block in frames.blocks("diff3d"):
            applied = scale[start : start + len(block)]
            totals += counts_of(block, data.domain, applied).sum(axis=(1, 2)).tolist()
            start += len(block)
    return Summary(shape[0], shape[-1], math.fsum(totals) / shape[0])
