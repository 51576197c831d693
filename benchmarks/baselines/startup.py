"""Time each stage of the default run up to its first step, and print the seconds as JSON.

`python -m benchmarks.baselines.startup`
"""

import json
import time

START = time.perf_counter()


def main() -> None:
    """Do what `train.py` does up to its first step, and print the seconds of each stage."""
    times: dict[str, float] = {}

    def mark(stage: str) -> None:
        times[stage] = time.perf_counter() - START - sum(times.values())

    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    mark("import TensorFlow and Keras")
    from benchmarks.baselines.ours import OurTraining
    from dcgan.config import TrainConfig
    from dcgan.data import load

    mark("import dcgan")
    pixels = load(TrainConfig()).images
    mark("load the dataset")
    training = OurTraining(TrainConfig(), pixels)
    mark("build networks and optimizers")
    training.run(1)
    mark("trace and run the first step")
    training.run(1)
    mark("(the second step)")
    print(json.dumps(times))


if __name__ == "__main__":
    main()
