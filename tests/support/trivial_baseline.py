"""Baselines that do next to nothing, to test how the benchmarks run them."""

import os
import time

from benchmarks.workers import Baseline

MODULE = "tests.support.trivial_baseline:"
COUNTER = Baseline("counter", f"{MODULE}Counter")


class Counter:
    """Counts steps; each step is worth `items` items and takes a millisecond."""

    def __init__(self, items=3):
        self.items = items
        self.steps = 0

    def run(self, steps):
        self.steps += steps
        time.sleep(0.001 * steps)
        return steps * self.items

    def steps_done(self):
        return self.steps

    def variable(self, name):
        return os.environ.get(name)

    def fail(self):
        raise ValueError("a first line\nand a second")

    def exit(self):
        os._exit(3)


def fail_to_build():
    """Raise instead of building a baseline."""
    raise ImportError("no such library")


class Learner:
    """Generates numbers that approach zero with the time of training, by `speed`."""

    def __init__(self, speed):
        self.speed = speed
        self.trained = 0.0

    def train(self, seconds):
        time.sleep(seconds)
        self.trained += seconds

    def sample(self, count):
        return [1 / (1 + self.speed * self.trained)] * count


class MeanDistance:
    """Returns the mean of the samples as their distance."""

    def to_real(self, generated):
        return sum(generated) / len(generated)
