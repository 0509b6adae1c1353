"""The record that travels with a data set: who made it, from what, with which physics.

A record is a JSON object of schema "1.0.0": `creation_info`, `physics_parameters`, `simulation`,
`data_transformations`, `additional_parameters`. It holds nothing that depends on shards, threads
or the machine.
"""

import copy
import hashlib
import json
import math
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from simlab.core.config import user_path
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import json_text, sha256_of, write_npz
from simlab.ptycho.config import SCALE_CONTRACTS
from simlab.ptycho.files.archive import METADATA, read_archive
from simlab.ptycho.photons import photons_of

SCHEMA_VERSION = "1.0.0"

NOISE_VERSION = 1
"""Version of the detector's random numbers; raised when equal seeds would give other counts."""

SECTIONS = ("creation_info", "physics_parameters", "simulation", "additional_parameters")

# Decide where and how the data are written, or who belongs to which part, but no value of a frame.
_WITHOUT_INFLUENCE = ("grouping", "split", "frames_per_shard", "target_seconds")
_USER_FILES = (("scan", "file"), ("detector", "mask_file"))

# Entries that simlab reads; null stands for one that is not known.
_NUMBERS = {
    "physics_parameters": ("nphotons", "N", "gridsize", "intensity_scale", "mean_exit_power"),
    "simulation": ("n_images",),
}
_TEXTS = {
    "physics_parameters": ("measurement_domain", "scale_contract_version", "subpixel"),
    "simulation": ("spec_sha256", "patches"),
}


def now():
    """Time for `creation_info`: SOURCE_DATE_EPOCH if set, else now; UTC, ISO 8601 with Z."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        raise ConfigError(f"SOURCE_DATE_EPOCH is {epoch!r}, seconds since 1970 expected") from None
    return moment.isoformat().replace("+00:00", "Z")


def package_version():
    """Version of simlab, or None where it is not installed as a package."""
    try:
        return version("simlab")
    except PackageNotFoundError:
        return None


def create_metadata(
    physics_parameters, *, script, simulation=None, timestamp="now", **additional_parameters
):
    """A new record.

    Parameters
    ----------
    physics_parameters : mapping
        nphotons, gridsize, N, intensity_scale, measurement_domain ...
    script : str
        Name of the tool that makes the data.
    simulation : mapping, optional
        n_images, buffer, seed, layout, input_file, input_sha256 ...
    timestamp : str or None
        ISO time; "now" takes the clock or SOURCE_DATE_EPOCH, None leaves it undefined.
    **additional_parameters
        Anything else, JSON-able.

    Returns
    -------
    dict
    """
    return _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "creation_info": {
                "timestamp": now() if timestamp == "now" else timestamp,
                "script": script,
                "version": package_version(),
            },
            "physics_parameters": dict(physics_parameters),
            "simulation": dict(simulation or {}),
            "data_transformations": [],
            "additional_parameters": additional_parameters,
        }
    )


def physics_of(detector, *, N, intensity_scale, mean_exit_power, measurement, subpixel):
    """The `physics_parameters` of a simulation with `detector` (a DetectorConfig)."""
    return {
        "nphotons": float(photons_of(detector)),
        "gridsize": 1,
        "N": int(N),
        "intensity_scale": float(intensity_scale),
        "mean_exit_power": float(mean_exit_power),
        "measurement_domain": measurement,
        "scale_contract_version": SCALE_CONTRACTS[measurement],
        "poisson": detector.poisson,
        "noise_version": NOISE_VERSION,
        "subpixel": subpixel,
        "beamstop_diameter": detector.beamstop_diameter,
        "background": detector.background,
        "gaussian_sigma": detector.gaussian_sigma,
        "saturation": detector.saturation,
        "dose": detector.dose if isinstance(detector.dose, str) else detector.dose.model_dump(),
    }


def dataset_metadata(
    dataset,
    *,
    N,
    n_images,
    intensity_scale,
    mean_exit_power,
    buffer,
    input_file,
    input_sha256,
    device,
    patches,
    tool,
):
    """Record of a data set of the workflow; the same bytes wherever and however it is made.

    Parameters
    ----------
    dataset : DatasetConfig
    N, n_images : int
    intensity_scale, mean_exit_power : float
    buffer : float
        The effective one, px.
    input_file : str
        Name of the stage-1 file, relative.
    input_sha256 : str
    device : mapping
        `ForwardModel.device`; backend and fft are kept, device and driver where they are known.
    patches : bool
        Whether the ground-truth patches are stored; otherwise they are recomputed on demand.
    tool : str

    Returns
    -------
    dict
    """
    output = dataset.output
    return create_metadata(
        physics_of(
            dataset.detector,
            N=N,
            intensity_scale=intensity_scale,
            mean_exit_power=mean_exit_power,
            measurement=output.measurement,
            subpixel=dataset.subpixel,
        ),
        script=tool,
        simulation={
            "n_images": n_images,
            "buffer": buffer,
            "seed": dataset.seed,
            "layout": dataset.scan.layout,
            "input_file": input_file,
            "input_sha256": input_sha256,
            "spec_sha256": spec_digest(dataset, input_sha256),
            "patches": "stored" if patches else "recompute",
            **{key: value for key, value in device.items() if value is not None},
        },
        timestamp=None,
    )


def spec_digest(dataset, input_sha256):
    """SHA-256 of the canonical JSON of the values that determine the frames of a data set.

    Object and probe enter by the digest of the input file, which holds them, and not by the
    recipe; coordinate file and detector mask by that of their content, not by their names; layout
    of files, split and groups do not enter.

    Errors: MissingFileError for a file of the user that is not there.
    """
    values = dataset.model_dump(mode="json")
    for key in (*_WITHOUT_INFLUENCE, "object", "probe"):
        del values[key]
    values["output"] = {key: values["output"][key] for key in ("measurement", "counts_dtype")}
    for section, key in _USER_FILES:
        if values[section][key] is not None:
            values[section][key] = sha256_of(user_path(values[section][key]))
    values["noise_version"] = NOISE_VERSION
    values["input_sha256"] = input_sha256
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def metadata_text(metadata):
    """A record as JSON text, keys sorted, undefined numbers as null."""
    return json_text(metadata)


def parse_metadata(text, path="metadata"):
    """The record in JSON text.

    Errors: InputFileError naming `path` for what is no JSON object, for a section that is none,
    and for an entry of another type than the one that simlab reads.
    """
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputFileError(f"{path}: _metadata is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputFileError(f"{path}: _metadata is {type(value).__name__}, a JSON object expected")
    for section in SECTIONS:
        _check_type(value.get(section, {}), dict, f"{path}: _metadata: {section}", "a JSON object")
    steps = value.get("data_transformations", [])
    _check_type(steps, list, f"{path}: _metadata: data_transformations", "a JSON list")
    for entries, kind, words in ((_NUMBERS, int | float, "a number"), (_TEXTS, str, "a text")):
        for section, keys in entries.items():
            for key in keys:
                entry = value.get(section, {}).get(key)
                if entry is not None:
                    _check_type(entry, kind, f"{path}: _metadata: {section}.{key}", words)
    return value


def _check_type(value, kind, where, words):
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputFileError(f"{where} is {type(value).__name__}, {words} is expected")


def save_with_metadata(path, arrays, metadata):
    """Write `arrays` (key -> array) and the record as `_metadata` (unicode scalar) to an npz."""
    write_npz(path, {**arrays, METADATA: np.array(metadata_text(metadata))})


def load_with_metadata(path):
    """(arrays, record or None) of an npz file; legacy pickled records are read safely."""
    arrays = read_archive(path)
    text = arrays.pop(METADATA, None)
    return arrays, None if text is None else parse_metadata(text, path)


def validate_parameters(metadata, config):
    """What differs between a record and `config`, as texts.

    Parameters
    ----------
    metadata : mapping or None
    config : mapping, or object with attributes
        Some of nphotons (compared to 1e-9 absolute), N, gridsize; what is not there is not
        compared.
    """
    if metadata is None:
        return ["the file has no metadata, nothing can be compared"]
    recorded = metadata.get("physics_parameters", {})
    warnings = []
    for key, tolerance in (("nphotons", 1e-9), ("N", 0), ("gridsize", 0)):
        expected = config.get(key) if hasattr(config, "get") else getattr(config, key, None)
        found = recorded.get(key)
        if expected is None or found is None:
            continue
        if abs(float(expected) - float(found)) > tolerance:
            warnings.append(f"{key} is {found} in the file and {expected} in the configuration")
    return warnings


def add_transformation_record(metadata, tool, operation, parameters=None, *, timestamp="now"):
    """A copy of the record with one more entry in `data_transformations`.

    `timestamp` as in `create_metadata`; None where equal inputs shall give equal files.
    """
    record = copy.deepcopy(metadata)
    record.setdefault("data_transformations", []).append(
        _plain(
            {
                "tool": tool,
                "timestamp": now() if timestamp == "now" else timestamp,
                "operation": operation,
                "parameters": dict(parameters or {}),
            }
        )
    )
    return record


def get_nphotons(metadata, default=1e9):
    """Photons per pattern of a record; `default` without record or entry."""
    value = (metadata or {}).get("physics_parameters", {}).get("nphotons")
    return default if value is None else float(value)


def merge_metadata(records, strategy="preserve_first"):
    """One record for data merged from several.

    Parameters
    ----------
    records : list of mapping
    strategy : "preserve_first" | "validate_consistent"
        The second one raises ConfigError when physics parameters differ.

    Returns
    -------
    dict
        The first record; the transformations of all, in order, without repetition.
    """
    if not records:
        raise ConfigError("merge_metadata needs at least one record")
    if strategy not in ("preserve_first", "validate_consistent"):
        raise ConfigError(
            f"merge_metadata: strategy is {strategy!r}, known: preserve_first, validate_consistent"
        )
    first = copy.deepcopy(records[0])
    if strategy == "validate_consistent":
        problems = [
            f"record {number}: {problem}"
            for number, record in enumerate(records[1:], start=1)
            for problem in _differences(
                first.get("physics_parameters", {}), record.get("physics_parameters", {})
            )
        ]
        if problems:
            raise ConfigError("metadata cannot be merged: " + "; ".join(problems))
    steps = []
    for record in records:
        steps += [s for s in record.get("data_transformations", []) if s not in steps]
    return {**first, "data_transformations": steps}


def _differences(first, other):
    for key in sorted({*first, *other}):
        here, there = first.get(key), other.get(key)
        if isinstance(here, float | int) and isinstance(there, float | int):
            same = math.isclose(here, there, rel_tol=0, abs_tol=1e-9)
        else:
            same = here == there
        if not same:
            yield f"{key} is {there}, the first has {here}"


def check_scale_contract(metadata, where):
    """The (`measurement_domain`, `scale_contract_version`) of a record; refuse contradictions.

    Returns
    -------
    str
        The measurement domain; "normalized_amplitude" where nothing is recorded.
    """
    recorded = (metadata or {}).get("physics_parameters", {})
    domain = recorded.get("measurement_domain")
    contract = recorded.get("scale_contract_version")
    if domain is None and contract is None:
        return "normalized_amplitude"
    if domain is None:
        domain = next((d for d, c in SCALE_CONTRACTS.items() if c == contract), None)
    if domain not in SCALE_CONTRACTS or contract not in (None, SCALE_CONTRACTS[domain]):
        pairs = ", ".join(f"({d}, {c})" for d, c in SCALE_CONTRACTS.items())
        raise InputFileError(
            f"{where}: measurement_domain {recorded.get('measurement_domain')!r} contradicts "
            f"scale_contract_version {contract!r}; the pairs are {pairs}"
        )
    return domain


def flat_attributes(metadata):
    """The record without its sections, for attributes: {nphotons: ..., seed: ..., ...}."""
    flat = {"schema_version": metadata.get("schema_version")}
    for section in SECTIONS:
        for key, value in metadata.get(section, {}).items():
            flat.setdefault(key, value)
    flat["data_transformations"] = metadata.get("data_transformations", [])
    return flat


def _plain(value):
    return json.loads(json_text(value))
