"""The sample grids that a training left."""

from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.visualization import read_png, save_animation


def animate(run: Run, out: Path, fps: float = 12.0) -> Path:
    """Turn the sample grids of a run into an animation, oldest first; an existing `out` is replaced.

    Raises:
        UserError: there are no grids, their sizes differ, or `out` is neither .gif nor .mp4 or can't be written.
    """
    save_animation(out, map(read_png, history(run)), fps)
    return out


def sample_grids(run: Run) -> list[Path]:
    """The run's sample grids, oldest first; there may be none yet."""
    return sorted(run.samples_dir.glob("step-*.png"), key=lambda file: (len(file.name), file.name))


def history(run: Run) -> list[Path]:
    """The same, at least one."""
    grids = sample_grids(run)
    if not grids:
        raise UserError(f"{run.path} holds no sample grids yet.", "Training draws one every --sample-every steps.")
    return grids
