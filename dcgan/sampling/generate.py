"""The command `generate`: from a run and seeds to a grid, an array, a folder or an animation."""

from pathlib import Path

from dcgan.config import GenerateConfig
from dcgan.sampling.output_path import reserve_output_path
from dcgan.sampling.sample_spec import resolve
from dcgan.sampling.writers import WRITERS


def generate(config: GenerateConfig) -> Path:
    """Generate images, write them, and print what was written.

    Args:
        config: all options; see `GenerateConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: options contradict each other, there is no such run, or the output exists or cannot be written.
    """
    spec = resolve(config)
    with reserve_output_path(spec) as out:
        description = WRITERS[spec.mode](spec, out)
    print(f"{description}: {out}")
    return out
