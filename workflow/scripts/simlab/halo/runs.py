"""A campaign of halo maps without Snakemake: the stages of the workflow, one after the other."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from simlab.core.errors import SimlabError
from simlab.core.files import read_json, write_json, write_text
from simlab.core.progress import progress
from simlab.core.provenance import code_digest
from simlab.halo import plan, specs
from simlab.halo.config import DatasetConfig
from simlab.halo.dataset import READER
from simlab.halo.errors import BusyError, SampleError
from simlab.halo.files.records import read_record
from simlab.halo.names import SPECIES, is_record
from simlab.halo.parameters import ParameterTable
from simlab.halo.stages.index import write_index
from simlab.halo.stages.normalization import write_normalization
from simlab.halo.stages.placement import Place, discard, is_whole
from simlab.halo.stages.samples import Inputs, write_shard
from simlab.halo.stages.simulation import write_pair

logger = logging.getLogger("simlab.halo")

PRODUCER = "simlab/halo/stages/samples.py"
"""Its digest stands in records: the workflow's scripts are not part of an installed package."""
SIMULATOR = "simlab/halo/stages/simulation.py"
GATHERED = (
    *("index.csv", "split.json", "normalization.json"),
    *(f"{species}_normalization_stats.npz" for species in SPECIES),
)
"""Files that tell of all samples, of `write_gathered`."""


@dataclass(frozen=True)
class Run:
    """How to run, as opposed to what to make.

    Attributes
    ----------
    folder : Path
        Of the data set.
    rank, size : int
    cores : int
    shards : list of int
    overwrite : bool
    """

    folder: Path
    rank: int = 0
    size: int = 1
    cores: int = 1
    shards: tuple = (0,)
    overwrite: bool = False


@dataclass(frozen=True)
class Task:
    """One simulation, as a worker process gets it."""

    dataset: DatasetConfig
    run: Run
    sim: int
    split: str
    threads: int


def process_simulations(dataset, run):
    """Make the samples of this rank's simulations; complete ones are left as they are.

    The simulations are dealt to the ranks without regard to what is there, since ranks start at
    different times.

    Returns
    -------
    dict
        {simulation: message} of those that failed. Of what they made nothing remains but a log;
        samples that an earlier run finished with the same settings are kept.
    """
    splits = plan.splits(dataset)
    mine = list(splits)[run.rank :: run.size]
    workers = max(1, min(run.cores, len(mine)))
    threads = max(1, run.cores // workers)
    tasks = [Task(dataset, run, sim, splits[sim], threads) for sim in mine]
    failed = {}
    results = _parallel(tasks, workers) if workers > 1 else map(make_simulation, tasks)
    counted = progress(results, len(tasks), "simulations")
    for task, message in zip(tasks, counted, strict=True):
        if message:
            failed[task.sim] = message
            print(f"sim {task.sim}: {message}", file=sys.stderr, flush=True)
    return failed


def _parallel(tasks, workers):
    from simlab.halo.kernels import warm

    warm()  # else every worker would compile
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)
    )
    try:
        for future in [pool.submit(make_simulation, task) for task in tasks]:
            try:
                yield future.result()
            except BrokenProcessPool:
                yield "a process was killed, perhaps for lack of memory; run again to go on"
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with(parent):
    """Let this worker end soon after its parent, whatever ended that; Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_simulation(task):
    """Make the samples of one simulation: None, or why that failed, in one line."""
    run, sim = task.run, task.sim
    places = [
        Place(run.folder, task.split, sim, shard, task.dataset.execution.shards_per_simulation)
        for shard in run.shards
    ]
    spec = specs.samples_spec(task.dataset)
    log = run.folder / "logs" / f"sim_{sim}.log"
    before = {place: _bytes(place.record) for place in places}
    try:
        log.unlink(missing_ok=True)  # of an earlier run
        inputs = inputs_of(task.dataset, run.folder, sim, run.overwrite)
        for place in places:
            made = write_shard(
                spec,
                inputs,
                place,
                code=code_digest(PRODUCER),
                threads=task.threads,
                memory_mb=task.dataset.execution.memory_gb * 1000,
                fresh=run.overwrite,
            )
            if made:
                _forget_gathered(run.folder)
    except BusyError as error:
        return str(error)
    except Exception as error:
        text = traceback.format_exc()
        message = " ".join(str(error).split())
        trouble = [_discard_new(run.folder, before, specs.spec_hash(spec)), _write_log(log, text)]
        if not isinstance(error, SimlabError):
            message = f"{type(error).__name__}: {message}"
            message += "" if trouble[1] else f" (traceback in {log})"
        return "; ".join([message, *filter(None, trouble)])
    return None


def _discard_new(folder, before, digest):
    """Delete the shards that were not whole `before` {place: bytes of its record or None}.

    Returns why that failed, or None.
    """
    try:
        for place, record in before.items():
            place.progress.unlink(missing_ok=True)
            if record is None or _bytes(place.record) != record or not is_whole(place, digest):
                discard(place)
                _forget_gathered(folder)
    except (OSError, SimlabError) as error:
        return f"cannot delete what it made: {error}"
    return None


def _write_log(log, text):
    """Why a log could not be written, or None."""
    try:
        write_text(log, text)
    except SimlabError as error:
        return str(error)
    return None


def _bytes(path):
    try:
        return path.read_bytes()
    except OSError:
        return None


def _forget_gathered(folder):
    """Delete index and statistics, which tell of other samples than there are now."""
    for name in GATHERED:
        (folder / name).unlink(missing_ok=True)


def inputs_of(dataset, folder, sim, fresh=False):
    """Inputs of a simulation; a synthetic one is made unless it is there, made of the same."""
    table = Path(plan.user_files(dataset)["parameters.file"])
    if not plan.is_synthetic(dataset):
        return Inputs(*map(Path, plan.input_files("", dataset, sim)), table)
    files = plan.simulation_files(dataset, sim)
    spec = specs.simulation_spec(dataset)
    origin = {
        "spec": spec,
        "parameters": ParameterTable(table).row(sim, dataset.source.set),
        "code": code_digest(SIMULATOR),
    }
    note = folder / "inputs" / f"simulation_{sim}.json"
    present = all((folder / file).is_file() for part in files.values() for file in part)
    if fresh or not present or _content(note) != origin:
        note.unlink(missing_ok=True)
        write_pair(spec, table, sim, folder / "inputs")
        write_json(note, origin)
    return Inputs(*(folder / files[part][0] for part in ("DMO", "Hydro", "FOF")), table)


def _content(path):
    try:
        return read_json(path)
    except SimlabError:
        return None


def records_in(folder):
    """Paths of all shard records of a data set.

    Errors: SampleError if shards of a simulation lack, or settings differ.
    """
    found = sorted(
        path
        for split in ("train", "test")
        for path in Path(folder, split).glob("sim_*/shard_*.json")
        if is_record(path)
    )
    if not found:
        raise SampleError(f"{folder}: no shard records below train/ and test/")
    shards, settings = {}, {}
    for path in found:
        record = read_record(path)
        settings.setdefault(record["spec_hash"], path)
        shards.setdefault((record["sim"], record["n_shards"]), set()).add(record["shard"])
    if len(settings) > 1:
        first, second, *_ = settings.values()
        raise SampleError(
            f"{first} and {second} were made with different settings; make all simulations again "
            "with the same, or delete those of one kind"
        )
    for (sim, count), present in shards.items():
        missing = sorted(set(range(count)) - present)
        if missing:
            raise SampleError(f"{folder}: sim {sim} lacks shards {missing} of {count}")
    return found


def write_gathered(folder, reader=None):
    """Write index.csv, split.json and the statistics of the records in `folder`.

    Returns the numbers of records, of simulations among them, and of simulations in the split.
    """
    records = records_in(folder)
    first = read_record(records[0])
    spec = {"seed": first["seed"], **first["simulations"]}
    write_index(spec, records, Path(folder) / "index.csv", Path(folder) / "split.json")
    write_normalization(
        {
            "spec_hash": first["spec_hash"],
            "scales": first["scales"],
            "normalization": reader or READER,
        },
        records,
        folder,
    )
    made = {path.parent.name for path in records}
    return len(records), len(made), first["simulations"]["total"]
