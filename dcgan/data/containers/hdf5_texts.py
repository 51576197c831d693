"""Print the texts of a dataset in an HDF5 file as JSON: a program of its own, which can be ended.

HDF5 1.14 reads a damaged heap of texts for ever, and nothing in the same process can stop it.
"""

import importlib
import json
import sys
from typing import Any


def read_texts(path: str, name: str, step: int, most_bytes: int) -> list[str] | None:
    """Return the texts of a dataset; None if it holds something else.

    All elements may be the same text in the file, so that they are read in parts and their length is bounded.

    Args:
        path: the file.
        name: path of the dataset in it.
        step: number of elements that are read at once.
        most_bytes: of all texts.

    Raises:
        ValueError: the texts are longer.
        OSError: the file is damaged.
    """
    with importlib.import_module("h5py").File(path, "r") as file:
        dataset, values, length = file[name], [], 0
        for start in range(0, dataset.shape[0], step):
            part: list[Any] = dataset[start : start + step].reshape(-1).tolist()
            if not all(isinstance(value, bytes | str) for value in part):
                return None
            length += sum(map(len, part))
            if length > most_bytes:
                raise ValueError(f"the texts in {name} have more than {most_bytes >> 20} MiB")
            values += [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in part]
    return values


def _main(path: str, name: str, step: str, most_bytes: str) -> None:
    try:
        answer = read_texts(path, name, int(step), int(most_bytes))
    except Exception as error:  # h5py raises many types for damaged files
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
