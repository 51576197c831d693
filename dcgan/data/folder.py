"""Folders as labels: `cats/1.jpg` and `dogs/2.jpg` are of two classes."""

import os

from dcgan.errors import UserError


def folder_labels(names: list[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Take the first folder of every path for its class, where that makes sense.

    Args:
        names: paths from the root on, parted by `/`.

    Returns:
        A label a name and the sorted class names; None and () unless there are at least two folders and every
        picture lies in one.

    Raises:
        UserError: a class would have a name that can't be written down.
    """
    folders = [name.partition("/")[0] if "/" in name else None for name in names]
    classes = sorted(set(folders) - {None})
    if len(classes) < 2 or None in folders:
        return None, ()
    for name in classes:
        _check_name(name)
    position = {name: index for index, name in enumerate(classes)}
    return [position[folder] for folder in folders], tuple(classes)


def _check_name(name: str) -> None:
    """Refuse a name that is no UTF-8, which Python holds as surrogates: reports and pictures could not repeat it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"The name of the class folder {os.fsencode(name)} is no UTF-8.", "Rename it.") from error
