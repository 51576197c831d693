"""The default run up to its first step, with a time at each station; printed as JSON.

`python -m benchmarks.baselines.startup`
"""

import json
import time

STARTED = time.perf_counter()


def main() -> None:
    """Do what `train.py` does before its first step is over, and print the seconds each part took."""
    times = {}

    def mark(name: str) -> None:
        times[name] = time.perf_counter() - STARTED - sum(times.values())

    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    mark("import TensorFlow and Keras")
    from benchmarks.baselines.ours import Ours
    from dcgan.config import TrainConfig
    from dcgan.data import load

    mark("import the program")
    pixels = load(TrainConfig()).images
    mark("read the data")
    ours = Ours(TrainConfig(), pixels)
    mark("build networks and optimizers")
    ours.run(1)
    mark("trace and run the first step")
    ours.run(1)
    mark("(the second step)")
    print(json.dumps(times))


if __name__ == "__main__":
    main()
