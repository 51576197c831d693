"""The command `doctor`: what can be said about a training before hours are spent on it."""

import time
from typing import TYPE_CHECKING

from dcgan.config import DoctorConfig
from dcgan.core.atomic_io import check_overwrite
from dcgan.core.imports import import_tensorflow

if TYPE_CHECKING:
    from dcgan.doctor.report import Report


def diagnose(config: DoctorConfig) -> "Report":
    """Examine images, machine and plan of a training; print the report, and write it where that is asked for.

    Args:
        config: options of the training, and of the check.

    Returns:
        The report.

    Raises:
        UserError: something prevents the training; the report was written before. Or a file can't be written.
    """
    for path, option in ((config.json, "--json"), (config.out, "--out")):
        if path is not None:
            check_overwrite(path, config.overwrite, option)
    began = time.perf_counter()
    import_tensorflow()
    from dcgan.doctor.examination import examine

    return examine(config, time.perf_counter() - began)
