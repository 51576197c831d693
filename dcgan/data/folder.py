"""Folders as labels: `cats/1.jpg` and `dogs/2.jpg` are of two classes."""


def folder_labels(names: list[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Take the first folder of every path for its class, where that makes sense.

    Args:
        names: paths from the root on, parted by `/`.

    Returns:
        A label a name and the sorted class names; None and () unless there are at least two folders and every
        picture lies in one.
    """
    folders = [name.partition("/")[0] if "/" in name else None for name in names]
    classes = sorted(set(folders) - {None})
    if len(classes) < 2 or None in folders:
        return None, ()
    position = {name: index for index, name in enumerate(classes)}
    return [position[folder] for folder in folders], tuple(classes)
