"""The header of NumPy's `.npy` format, for arrays that are written piece by piece."""

import io

import numpy as np
from numpy.typing import DTypeLike


def npy_header(shape: tuple[int, ...], dtype: DTypeLike) -> bytes:
    """Return the bytes that precede an array in an `.npy` file (format version 1.0, C order).

    NumPy pads the header so that its length stays the same while the first dimension grows: a writer that does not
    know the number of rows yet can overwrite the header at the end.

    Args:
        shape: shape of the whole array.
        dtype: type of its elements.

    Returns:
        The header; the elements in C order follow it.
    """
    header = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()
