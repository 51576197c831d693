"""Training: step, losses, loop, and what a person sees of it.

Importing this package does not load TensorFlow; `train` does.
"""

from dcgan.config import TrainConfig
from dcgan.runs import Run


def train(config: TrainConfig) -> Run:
    """Train until the run holds `config.steps` steps; going on is the same call. See `dcgan.training.loop.train`."""
    from dcgan.quiet import import_tensorflow

    import_tensorflow()
    from dcgan.training import loop

    return loop.train(config)


__all__ = ["train"]
