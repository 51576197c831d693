"""Training as people start it: the loop, and what measures its pictures."""

from collections.abc import Callable

from dcgan.config import TrainConfig
from dcgan.runs import Run


def train(config: TrainConfig, watch: Callable[[Run], None] | None = None) -> Run:
    """Train until the run holds `config.steps` steps; going on is the same call. See `dcgan.training.loop.train`.

    Args:
        config: every option.
        watch: shows the run whenever there is something new, instead of a bar or lines: `dcgan.notebook.Live()`.
    """
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices
    from dcgan.training import loop

    if config.evaluate_every is None:
        return loop.train(config, watch=watch)
    from dcgan.evaluation.evaluator import Evaluator
    from dcgan.training import distributed

    if not distributed.resolve_job(config).is_chief:
        return loop.train(config, watch=watch)
    devices.configure_tensorflow(config.seed)
    return loop.train(config, Evaluator(config), watch)
