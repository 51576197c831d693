"""Contestants that do next to nothing."""

import os
import time


class Counter:
    """Counts; each step is worth `worth` items."""

    def __init__(self, worth=3):
        self.worth = worth
        self.steps = 0

    def run(self, steps):
        self.steps += steps
        time.sleep(0.001 * steps)
        return steps * self.worth

    def done(self):
        return self.steps

    def variable(self, name):
        return os.environ.get(name)

    def fail(self):
        raise ValueError("a first line\nand a second")

    def die(self):
        os._exit(3)


def broken():
    """A contestant that can't be built."""
    raise ImportError("no such library")


class Learner:
    """Draws nearer to zero the longer it is trained; `speed` says how fast."""

    def __init__(self, speed):
        self.speed = speed
        self.trained = 0.0

    def train(self, seconds):
        time.sleep(seconds)
        self.trained += seconds

    def sample(self, count):
        return [1 / (1 + self.speed * self.trained)] * count


class Judge:
    """Calls the mean the distance."""

    def to_real(self, drawn):
        return sum(drawn) / len(drawn)
