"""Croissant: a data set described for search engines and loaders, in JSON-LD.

O. Akhtar et al., Croissant: a metadata format for ML-ready datasets (2024), version 1.0.
"""

import re
from pathlib import PurePosixPath

from simlab import __version__
from simlab.core.files import sha256_of, write_json
from simlab.core.packages.described import licenses
from simlab.core.packages.source import arrays_of, column_types

DATE = "2026-11-22"
"""Of this version of simlab, as in CITATION.cff.

Data sets carry no times; who publishes one puts its date here."""
HOME = "https://spdx.org/licenses/"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
FORMATS = {
    ".avi": "video/x-msvideo",
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".html": "text/html",
    ".json": "application/json",
    ".npz": "application/zip",
    ".png": "image/png",
    ".txt": "text/plain",
}
TYPES = {int: "sc:Integer", float: "sc:Float", str: "sc:Text"}
LISTED = ("index.csv", "normalization.json", "checks.json")
"""Files that are named one by one; manifest.json, which holds the hashes of all, is another."""


def write_croissant(source, path, place):
    """Write croissant.json.

    Record sets are `index`, the rows of index.csv; `splits`, the splits that occur; and `arrays`,
    what a sample holds.

    Parameters
    ----------
    source : Source
    path : Path
    place : Path
        Folder of the data set, relative to that of the file.

    Returns
    -------
    Path
    """
    described, rights = source.described, licenses(source.inputs)
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": source.name,
        "description": f"{described.title}, simulated. {described.what}",
        "version": __version__,
        "datePublished": DATE,
        "license": _licenses(source, rights),
        "citeAs": citation(source),
        "creator": {"@type": "sc:Organization", "name": "The simlab developers"},
        "keywords": [described.title, "simulation", "training data"],
        "isLiveDataset": False,
        "distribution": _files(source, place),
        "recordSet": [_splits(source), _index(source), *_arrays(source)],
    }
    write_json(path, content)
    return path


def citation(source):
    """BibTeX entry of a data set."""
    manifest = source.manifest
    key = re.sub(r"\W", "", f"simlab{source.name}")
    return (
        f"@misc{{{key}, title = {{{source.name}: {source.described.title.lower()}, simulated}}, "
        f"author = {{{{The simlab developers}}}}, note = {{simlab {manifest['versions']['simlab']}"
        f", code {manifest['code']}, seed {manifest['seed']}}}}}"
    )


def file_groups(files):
    """{pattern: files} by folder and ending; folders with numbers count as one.

    A pattern has `*` for the name of a file in a folder and for digits in names of folders.
    """
    groups = {}
    for file in sorted(files):
        path = PurePosixPath(file)
        if len(path.parts) == 1:
            pattern = file
        else:
            folders = [_without_numbers(part) for part in path.parts[:-1]]
            pattern = "/".join([*folders, f"*{''.join(path.suffixes[-1:])}"])
        groups.setdefault(pattern, []).append(file)
    return groups


def _without_numbers(name):
    return "*" if re.fullmatch(r"[0-9a-f]{16}|\d+", name) else re.sub(r"\d+", "*", name)


def encoding(file):
    """Media type of a file by its ending."""
    return FORMATS.get(PurePosixPath(file).suffix, "application/octet-stream")


def _licenses(source, rights):
    if rights is None:
        return [f"inputs of the user: {', '.join(i.name for i in source.inputs if not i.license)}"]
    return [f"{HOME}{name}.html" for name in rights]


def _files(source, place):
    manifest = source.folder / "manifest.json"
    hashes = {name: source.manifest["files"][name]["sha256"] for name in LISTED}
    hashes["manifest.json"] = sha256_of(manifest)
    single = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": (place / name).as_posix(),
            "encodingFormat": encoding(name),
            "sha256": digest,
        }
        for name, digest in hashes.items()
    ]
    return single + [
        {
            "@type": "cr:FileSet",
            "@id": pattern,
            "name": pattern,
            "description": f"{len(files)} files; manifest.json has their hashes",
            "includes": (place / pattern).as_posix(),
            "encodingFormat": encoding(pattern),
        }
        for pattern, files in file_groups(set(source.manifest["files"]) - set(LISTED)).items()
    ]


def _splits(source):
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": f"Samples are dealt by {source.described.split_unit}.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            _field("splits", "name", str, "name of the split"),
            _field("splits", "samples", int, "number of samples"),
        ],
        "data": [
            {"splits/name": name, "splits/samples": count}
            for name, count in source.counts().items()
        ],
    }


def _index(source):
    types, fields = column_types(source), []
    for column in source.header:
        unit, meaning = source.described.column(column)
        field = _field("index", column, types[column], f"{meaning}, {unit}" if unit else meaning)
        field["source"] = {"fileObject": {"@id": "index.csv"}, "extract": {"column": column}}
        if column == "split":
            field["references"] = {"field": {"@id": "splits/name"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": "index",
        "name": "index",
        "description": f"A row for each sample: {source.described.sample}.",
        "key": {"@id": "index/id"},
        "field": fields,
    }


def _arrays(source):
    """[record set of the arrays of a sample]; empty where samples hold none."""
    rows = [
        {
            "arrays/name": name,
            "arrays/shape": shape,
            "arrays/dtype": dtype,
            "arrays/unit": source.described.array(name)[0],
            "arrays/meaning": source.described.array(name)[1],
        }
        for name, (shape, dtype) in arrays_of(source).items()
    ]
    columns = {
        "name": "name of the array in the file of a sample",
        "shape": "shape in one sample; n differs from sample to sample",
        "dtype": "type as numpy calls it",
        "unit": "unit; empty = none",
        "meaning": "what the array holds",
    }
    return [
        {
            "@type": "cr:RecordSet",
            "@id": "arrays",
            "name": "arrays",
            "description": "What a sample holds.",
            "key": {"@id": "arrays/name"},
            "field": [_field("arrays", name, str, text) for name, text in columns.items()],
            "data": rows,
        }
    ][: bool(rows)]


def _field(record_set, name, kind, text):
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": text,
        "dataType": TYPES[kind],
    }
