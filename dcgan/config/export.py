"""Options of `python -m dcgan export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.fields import Options, Weights, option, run_dir_option, weights_option


@dataclass(frozen=True)
class ExportConfig(Options):
    """Convert a trained generator to another format, verify it and write a model card beside it.

    The export is loaded in its own runtime and compared with the Keras generator. The model card describes inputs and
    outputs, usage, origin and license. Example: `python -m dcgan export --format onnx`.

    Args:
        format: format to write (required): `saved_model` for TensorFlow, `onnx`, `litert` for phones and small
            devices, `keras`, or `npz` for NumPy alone.
        out: file to write, or folder for `saved_model`; by default in the run directory, under `exported/`.
        overwrite: replace `--out` and its model card if they exist.
    """

    run_dir: Path | None = run_dir_option("Export")
    format: Literal["saved_model", "onnx", "litert", "keras", "npz"] | None = option(None, "Export")
    out: Path | None = option(None, "Export")
    weights: Weights = weights_option("Export")
    overwrite: bool = option(False, "Export")
