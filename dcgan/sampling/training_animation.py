"""The sample grids that training saves, and an animation of them."""

from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.visualization import read_png, save_animation


def animate(run: Run, out: Path, fps: float = 12.0) -> Path:
    """Write the sample grids of a run as an animation, oldest first; an existing file is replaced.

    Args:
        run: a run with at least one sample grid.
        out: file to write, `.gif` or `.mp4`.
        fps: frames per second.

    Returns:
        The file, `out`.

    Raises:
        UserError: there are no grids, their sizes differ, or `out` has another extension or cannot be written.
    """
    grids = sample_grids(run)
    if not grids:
        raise UserError(f"{run.path} has no sample grids yet.", "Training saves one every --sample-every steps.")
    save_animation(out, map(read_png, grids), fps)
    return out


def sample_grids(run: Run) -> list[Path]:
    """Return the sample grids of a run, oldest first; an empty list if there are none yet."""
    return sorted(run.samples_dir.glob("step-*.png"), key=lambda file: (len(file.name), file.name))
