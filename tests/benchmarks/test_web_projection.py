"""The table of errors of an exported page beside `dcgan project`."""

import numpy as np

from benchmarks.web_projection import row


def test_a_row_has_the_ratio_of_the_means_and_statistics_of_the_ratios():
    cells = row("page", np.array([1.0, 6.0, 2.0]), np.array([2.0, 2.0, 2.0]), seconds=3)
    assert cells == ["page", "3", "1.50", "1.50", "1.00", "3.00", "3.00"]
