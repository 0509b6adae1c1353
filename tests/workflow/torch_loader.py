"""Program of the torch environment: reads data sets with a DataLoader, tells what came.

argv: a JSON file with a list of {folder, options}. Prints, as JSON, for each of them and each way
to start workers the digests of the samples of two epochs, and the types of a batch.
"""

import hashlib
import json
import sys

import torch
from torch.utils.data import DataLoader

import simlab


def digest(sample):
    """Of names, types, shapes and bytes of the arrays of a sample."""
    text = hashlib.sha256()
    for name in sorted(sample):
        array = sample[name].numpy() if isinstance(sample[name], torch.Tensor) else sample[name]
        text.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return text.hexdigest()


def samples_of(batch):
    """The samples of a batch, apart."""
    size = len(next(iter(batch.values())))
    return [{name: values[k] for name, values in batch.items()} for k in range(size)]


def read(dataset, method, collate):
    """Digests of two epochs in the order of the loader, and types of a batch."""
    loader = DataLoader(
        dataset,
        batch_size=4,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=method,
        persistent_workers=True,
        collate_fn=collate,
        generator=torch.Generator().manual_seed(1),
    )
    epochs = [[digest(s) for batch in loader for s in samples_of(batch)] for _ in range(2)]
    kinds = {name: type(values).__name__ for name, values in next(iter(loader)).items()}
    return {"epochs": epochs, "kinds": kinds}


def main():
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    found = []
    for case in cases:
        dataset = simlab.open_dataset(case["folder"], **case["options"])
        dataset[0]  # opens a file before workers are forked
        collate = dataset.collate if case["own_collate"] else None
        found.append({method: read(dataset, method, collate) for method in case["methods"]})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
