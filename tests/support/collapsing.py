"""Train with a check at every step, in which the generator collapses for three: `python collapsing.py CONFIG.yaml`."""

import sys

from dcgan.core.imports import import_tensorflow

if __name__ == "__main__":
    import_tensorflow()
    from dcgan.cli.main import main  # a mistake of the user ends with exit code 2
    from dcgan.training import health, schedule

    values = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    health.diversity = lambda images, real: next(values)
    schedule.LOSS_CHECK_INTERVAL = schedule.DIVERSITY_CHECK_INTERVAL = 1
    sys.exit(main(["train", "--config", sys.argv[-1]]))
