"""CelebA's aligned faces (Liu et al. 2015, Deep Learning Face Attributes in the Wild), as people have them on disk."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.data.celeba_annotations import Table, find_table
from dcgan.data.image_files import ImageFiles, open_image_files

WHERE = (
    "Get img_align_celeba.zip from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html or Kaggle's "
    "jessicali9530/celeba-dataset, and name its place with --data-dir."
)
_NAME = re.compile(r"[0-9]{6}\.(jpg|png)")
_PARTITIONS = {"train": 0, "test": 2}
_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip")  # the second: as the official folder is laid out
_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")  # the first: Kaggle's


@contextlib.contextmanager
def open_celeba(data_dir: Path, split: str) -> Iterator[ImageFiles]:
    """List one split of CelebA.

    Args:
        data_dir: the zip as it was downloaded, the folder it lies in, the folder of its JPEGs or that one's parent.
        split: `train` or `test`, which `list_eval_partition.txt` tells apart; without it, everything is `train`.

    Yields:
        The listing.

    Raises:
        UserError: there is no such thing, it is something else, or there is no way to tell what the test split is.
    """
    with open_image_files(find_celeba(data_dir)) as listing:
        if listing.entries and not any(_NAME.fullmatch(_basename(entry.name)) for entry in listing.entries):
            raise UserError(
                f"{listing.root} is not CelebA: none of its pictures is called 000001.jpg or the like.",
                "For pictures of your own, take --dataset folder.",
            )
        table = find_table(listing.root, "list_eval_partition")
        if table is None and split == "test":
            raise UserError(
                f"CelebA's test split is told by list_eval_partition.txt, which is not beside {listing.root}."
            )
        if table is not None:
            partition = table.column("partition")
            listing = listing.only(lambda name: partition.get(_basename(name)) == _PARTITIONS[split])
            if not listing.entries:
                raise UserError(
                    f"{listing.root} holds no picture of the {split} split.", "Is the partition file another's?"
                )
        yield listing


def find_celeba(data_dir: Path) -> Path:
    """The zip or the folder of JPEGs; a UserError that says where to get it if there is neither."""
    if not data_dir.exists():
        raise UserError(f"{data_dir} does not exist.", WHERE)
    if data_dir.is_file():
        return data_dir
    for zipped in (data_dir / name for name in _ZIPS):
        if zipped.is_file():
            return zipped
    for folder in (*(data_dir / name for name in _FOLDERS), data_dir):
        if folder.is_dir() and any(folder.glob("*.jpg")):
            return folder
    raise UserError(f"{data_dir} holds neither img_align_celeba.zip nor CelebA's JPEG files.", WHERE)


def attribute_labels(root: Path, names: list[str], attribute: str) -> list[int]:
    """Read one attribute of every picture.

    Args:
        root: the zip or the folder of JPEGs; `list_attr_celeba.txt`, or `.csv` as on Kaggle, lies beside.
        names: the pictures.
        attribute: one of the 40, for example `Smiling`.

    Returns:
        1 where a picture has it, 0 where it hasn't.

    Raises:
        UserError: the file is missing or broken, or does not know the attribute or a picture.
    """
    table = find_table(root, "list_attr_celeba")
    if table is None:
        raise UserError(f"--attribute needs list_attr_celeba.txt (or .csv) beside {root}.", WHERE)
    column = table.column(attribute)
    return [int(_known(table, column, _basename(name)) > 0) for name in names]


def _known(table: Table, column: dict[str, int], name: str) -> int:
    if name not in column:
        raise UserError(f"{table.path} says nothing of {name}.", "It belongs to other pictures, or is cut off.")
    return column[name]


def _basename(name: str) -> str:
    return name.rpartition("/")[2]
