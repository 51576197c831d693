"""What the folders of a dataset stand for: a wrapper, splits, classes, or nothing but shards."""

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dcgan.core.classes import class_name_problem
from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.data.image_files import Labels

SPLIT_NAMES = {
    "train": {
        *("train", "training", "trainset", "train_set", "training_set", "train_images", "train_data", "traindata"),
        *("trn", "entrenamiento", "entrainement", "apprentissage", "addestramento", "treino", "treinamento"),
        *("learn", "lernen", "trainingsdaten", "训练", "训练集", "学習", "訓練", "обучение"),
    },
    "validation": {
        *("val", "valid", "validation", "validate", "validation_set", "valid_set", "val_set", "dev", "devel"),
        *("validacion", "validação", "validierung", "convalida", "验证", "验证集", "検証", "валидация"),
    },
    "test": {
        *("test", "testing", "tests", "testset", "test_set", "testing_set", "test_images", "test_data", "eval"),
        *("evaluation", "prueba", "teste", "prova", "testdaten", "holdout", "测试", "测试集", "テスト", "тест"),
    },
    "unlabeled": {"unlabeled", "unlabelled", "unsup", "extra"},
}
"""Names of folders that hold a split, in lower case and without accents, digits at the end and spaces."""

MAX_BESIDE = 0.1
"""Fraction of the images that may lie beside the class folders; with more of them, the folders are no classes."""

_EVEN = 5.0  # standard deviations of a Poisson count within which shards are filled evenly
_NUMBER = re.compile(r"\d+")
_HEX = re.compile(r"[0-9a-f]{1,3}")
_HASH = re.compile(r"[0-9a-f]{6,}")


@dataclass(frozen=True)
class Layout:
    """The meaning of the folders in a list of files.

    Args:
        wrapper: the folders that hold everything, with a `/` at the end; empty for none.
        splits: first-level folders below the wrapper, by the split that they hold; empty for none.
    """

    wrapper: str
    splits: dict[str, tuple[str, ...]]

    def split_of(self, name: str) -> str | None:
        """Return the split that a file is in, None for a file in no split's folder."""
        folder = name[len(self.wrapper) :].partition("/")[0]
        return next((split for split, folders in self.splits.items() if folder in folders), None)


def find_layout(names: Sequence[str]) -> Layout:
    """Find the wrapper and the splits of a dataset.

    Folders are splits if each of them is named like one, in upper or lower case, and one of them like a training split.

    Args:
        names: paths of the images, separated by `/`.
    """
    wrapper = common_folder(names)
    found: dict[str, list[str]] = defaultdict(list)
    for folder in sorted(first_level(names, len(wrapper))):
        found[_split_named(folder)].append(folder)
    if "" in found or "train" not in found or len(found) < 2:
        return Layout(wrapper, {})
    return Layout(wrapper, {split: tuple(folders) for split, folders in found.items()})


def common_folder(names: Sequence[str]) -> str:
    """Return the folders that all files are in, with a `/` at the end; empty for none."""
    if not names:
        return ""
    first, last = min(names), max(names)  # what these share, all share
    shared = 0
    while (slash := first.find("/", shared)) >= 0 and first[shared : slash + 1] == last[shared : slash + 1]:
        shared = slash + 1
    return first[:shared]


def first_level(names: Iterable[str], start: int) -> Counter[str]:
    """Count the files in each first-level folder; `""` counts those beside the folders.

    Args:
        names: paths of files.
        start: length of the wrapper.
    """
    return Counter(name[start:].partition("/")[0] if "/" in name[start:] else "" for name in names)


def folder_classes(names: Sequence[str], *, forced: bool = False) -> Labels:
    """Derive classes from the first-level folders below those that hold all files.

    Folders are no classes if there are fewer than two of them, if more than a tenth of the files lie beside them, or if
    they are shards: numbered folders that only spread the files.

    Args:
        names: paths of the images, separated by `/`.
        forced: whether shards are classes, and any number of files may lie beside the folders.

    Returns:
        The labels, -1 for a file beside the folders, and the sorted names in one Unicode form (NFC).

    Raises:
        UserError: a folder's name can't be a class name; or classes are forced and there are fewer than two folders.
    """
    start = len(common_folder(names))
    counts = first_level(names, start)
    beside = counts.pop("", 0)
    if len(counts) < 2:
        if forced:
            raise UserError(
                f"--labels folders needs at least two folders of images, and there are {len(counts)}.",
                "Put the images of each class into a folder of its own, or use --labels FILE.",
            )
        return Labels(None)
    if not forced and beside > MAX_BESIDE * len(names):
        lie = "lies" if beside == 1 else "lie"
        remark = f"no classes, as {beside} {lie} beside the {len(counts)} folders (--labels folders takes them)"
        return Labels(None, remark=remark)
    if not forced and are_shards(names, start):
        first, *_, last = sorted(counts)
        remark = f"the {len(counts)} numbered folders {first} to {last} are no classes (--labels folders takes them)"
        return Labels(None, remark=remark)
    class_of = {folder: unicodedata.normalize("NFC", folder) for folder in counts}
    classes = tuple(sorted(set(class_of.values())))
    for name in classes:
        if (problem := class_name_problem(name)) is not None:
            shown = printable(name.encode("utf-8", "backslashreplace").decode())
            raise UserError(f"The name of the class folder {shown} {problem}.", "Rename the folder.")
    position = {folder: classes.index(name) for folder, name in class_of.items()}
    folders = (name[start:].partition("/") for name in names)
    return Labels([position[folder] if slash else -1 for folder, slash, _ in folders], classes)


def are_shards(names: Sequence[str], start: int) -> bool:
    """Return whether first-level folders only spread files out.

    Their names are of one length, and a file's name gives its folder: its number, as in `01000/001234.png` and
    `012/img012345.png`, or the beginning of a hash, as in `3/3f09a1.png`. So are the 16 or 256 folders `0` to `f` or
    `00` to `ff` that are filled evenly.

    Args:
        names: paths of files.
        start: length of the wrapper.
    """
    folders = sorted({folder.lower() for folder in first_level(names, start) if folder})
    are_hexadecimal = all(map(_HEX.fullmatch, folders))
    are_numbers = all(folder.isascii() and folder.isdecimal() for folder in folders)
    if len({len(folder) for folder in folders}) != 1 or not (are_hexadecimal or are_numbers):
        return False
    files: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, slash, rest = name[start:].partition("/")
        if slash:
            files[folder.lower()].append(rest.rpartition("/")[2].lower().partition(".")[0])
    if are_hexadecimal and _named_by_hash(files):
        return True
    if len(folders[0]) < 2 or not are_numbers:
        return False
    pairs = [(int(folder), _last_number(stem)) for folder, stems in files.items() for stem in stems]
    numbered = [(folder, number) for folder, number in pairs if number is not None]
    return len(numbered) == len(pairs) and _numbered_by_file(numbered)


def _named_by_hash(files: dict[str, list[str]]) -> bool:
    """Return whether hexadecimal folders are the beginning or end of their files' names, or all there can be."""
    if len(files) > 1 and any(not folder.isdecimal() for folder in files):
        complete = len(files) == 16 ** len(next(iter(files)))
        counts = [len(stems) for stems in files.values()]
        mean = sum(counts) / len(counts)
        if complete and all(abs(count - mean) <= _EVEN * mean**0.5 + 1 for count in counts):
            return True
    pairs = [(folder, stem) for folder, stems in files.items() for stem in stems]
    hashes = all(_HASH.fullmatch(stem) for _, stem in pairs) and not all(stem.isdecimal() for _, stem in pairs)
    return hashes and all(stem.startswith(folder) for folder, stem in pairs)


def _numbered_by_file(pairs: list[tuple[int, int]]) -> bool:
    """Return whether folders are numbered by the files in them: by the first of a range, or by a quotient.

    Args:
        pairs: number of the folder and number of the file, for each file.
    """
    folders = sorted({folder for folder, _ in pairs})
    step = min(later - earlier for earlier, later in itertools.pairwise(folders))
    if step > 1:
        return all(folder <= number < folder + step for folder, number in pairs)
    return any(all(number // size == folder for folder, number in pairs) for size in (100, 1000, 10_000, 100_000))


def _last_number(stem: str) -> int | None:
    """Return the last number in a file's name; None if there is none, or one too long to be a number of files."""
    found = _NUMBER.findall(stem)
    return int(found[-1]) if found and len(found[-1]) < 12 else None


def _split_named(folder: str) -> str:
    """Return the split that a folder is named like, `""` for none."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", folder.casefold()) if not unicodedata.combining(c))
    plain = re.sub(r"[ -]+", "_", plain).strip("_")
    names = {plain, re.sub(r"_?\d+$", "", plain), unicodedata.normalize("NFC", folder.casefold())}
    return next((split for split, known in SPLIT_NAMES.items() if names & known), "")
