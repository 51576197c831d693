"""Headers of `.npy` files are those that NumPy writes itself."""

import io

import numpy as np
import pytest

from dcgan.core.npy import npy_header


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(3,), (2, 5, 4, 3)])
def test_a_header_and_the_elements_are_the_file_that_numpy_writes(dtype, shape):
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    file = io.BytesIO()
    np.save(file, array)
    assert npy_header(shape, dtype) + array.tobytes() == file.getvalue()


def test_the_header_keeps_its_length_while_the_number_of_rows_grows():
    assert len({len(npy_header((rows, 64, 64, 3), np.uint8)) for rows in (0, 1, 202_599, 10**12)}) == 1
