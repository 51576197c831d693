"""CelebA's aligned faces (Liu et al. 2015, Deep Learning Face Attributes in the Wild), in all layouts."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.data.celeba_annotations import find_table
from dcgan.data.image_files import ImageFiles, open_image_files

WHERE = (
    "Get img_align_celeba.zip from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html or Kaggle's "
    "jessicali9530/celeba-dataset, and name its path with --data-dir."
)
"""Where to get the dataset, as a hint in error messages."""

_NAME = re.compile(r"[0-9]{6}\.(jpg|png)")
_PARTITIONS = {"train": 0, "test": 2}
_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip")  # the second is that of the official folder
_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")  # the first is Kaggle's


@contextlib.contextmanager
def open_celeba(data_dir: Path, split: str) -> Iterator[ImageFiles]:
    """List the image files of one split of CelebA.

    Args:
        data_dir: the downloaded zip, the folder that contains it, the folder of the JPEGs or its parent.
        split: `train` or `test`, as `list_eval_partition.txt` defines them; without that file, `train` is everything.

    Yields:
        The image files; a zip is open until the block ends.

    Raises:
        UserError: the files are missing or not CelebA's, or the test split is not defined.
    """
    with open_image_files(find_celeba(data_dir)) as image_files:
        root = image_files.root
        if not any(_NAME.fullmatch(_basename(name)) for name in image_files.names):
            raise UserError(
                f"{root} is not CelebA: none of its images is called 000001.jpg or similar.",
                "For your own images, use --dataset folder.",
            )
        table = find_table(root, "list_eval_partition")
        if table is None and split == "test":
            raise UserError(
                f"CelebA's test split is defined by list_eval_partition.txt, which is not beside {root}.", WHERE
            )
        if table is not None:
            partition = table.column("partition")
            image_files = image_files.filter(lambda name: partition.get(_basename(name)) == _PARTITIONS[split])
            if not image_files.entries:
                raise UserError(
                    f"{root} holds no image of the {split} split.", f"Check that {table.path} belongs to these images."
                )
        yield image_files


def find_celeba(data_dir: Path) -> Path:
    """Find the images of CelebA.

    Args:
        data_dir: as for `open_celeba`.

    Returns:
        The zip or the folder of JPEGs.

    Raises:
        UserError: there is neither.
    """
    if not data_dir.exists():
        raise UserError(f"{data_dir} does not exist.", WHERE)
    if data_dir.is_file():
        return data_dir
    for path in (data_dir / name for name in _ZIPS):
        if path.is_file():
            return path
    for folder in (*(data_dir / name for name in _FOLDERS), data_dir):
        if folder.is_dir() and any(folder.glob("*.jpg")):
            return folder
    raise UserError(f"{data_dir} holds neither img_align_celeba.zip nor CelebA's JPEG files.", WHERE)


def attribute_labeler(
    root: Path, attribute: str | None
) -> Callable[[list[str]], tuple[list[int] | None, tuple[str, ...]]]:
    """Read one attribute of the faces, and return the function that labels files by it.

    Args:
        root: the zip or the folder of JPEGs; `list_attr_celeba.txt`, or `.csv` as on Kaggle, is beside it.
        attribute: one of the 40, for example `Smiling`; None for no labels.

    Returns:
        A function from file names to labels (1 where an image has the attribute, else 0) and the names of both classes;
        to None and () without an attribute. It raises a UserError for an image that the file does not contain.

    Raises:
        UserError: the file is missing or damaged, or does not have the attribute.
    """
    if attribute is None:
        return lambda names: (None, ())
    table = find_table(root, "list_attr_celeba")
    if table is None:
        raise UserError(f"--attribute needs list_attr_celeba.txt (or .csv) beside {root}.", WHERE)
    column = table.column(attribute)

    def label(name: str) -> int:
        if name not in column:
            raise UserError(f"{table.path} has no row for {name}.", "It belongs to other images, or is cut off.")
        return int(column[name] > 0)

    return lambda names: ([label(_basename(name)) for name in names], (f"not {attribute}", attribute))


def _basename(name: str) -> str:
    return name.rpartition("/")[2]
