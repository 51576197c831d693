"""A training that diverged, said in words."""

import numpy as np

from dcgan.errors import UserError
from dcgan.runs import Run


def diverged(run: Run, step: int, what: str) -> UserError:
    """The error for numbers that are none any more.

    Args:
        run: the run; whether it holds an earlier state decides what to do next.
        step: the step at which it was noticed.
        what: which numbers, for example `g_loss`.
    """
    lower = "with a lower --generator-lr and --discriminator-lr"
    if run.has_state():
        hint = f"{run.path} keeps its last good state; another --run-dir {lower} may do better."
    else:
        hint = f"Nothing was saved yet; try again {lower}."
    return UserError(f"Training diverged: at step {step}, {what} is not a number any more.", hint)


def check_finite(run: Run, step: int, state: dict[str, np.ndarray]) -> None:
    """Refuse a state that nothing could go on from; the losses of a step are older than its weights.

    Raises:
        UserError: an array holds an infinity or what is no number.
    """
    broken = [name for name, array in state.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if broken:
        raise diverged(run, step, f"{broken[0]} and {len(broken) - 1} more" if len(broken) > 1 else broken[0])
