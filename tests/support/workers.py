"""Start the workers of a distributed job on one machine, and compare the runs they leave."""

import json
import socket
from contextlib import ExitStack

import numpy as np

from dcgan.runs import Run


def start_workers(start, *configs, command=()):
    """Start one process per worker, as on as many machines, each with its options; `start` is the fixture."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in configs]
        for own in sockets:
            own.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{own.getsockname()[1]}" for own in sockets]
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}} for i in range(len(configs))]
    return [start(config, *command, TF_CONFIG=json.dumps(task)) for config, task in zip(configs, tasks, strict=True)]


def finish(processes, timeout=300):
    """Wait for all to end; return their exit codes and outputs."""
    outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    return [process.returncode for process in processes], outputs


def distance(ours: Run, theirs: Run) -> float:
    """Return the relative distance of two runs' networks, BatchNorm statistics included."""
    a, b = (
        {
            name: array
            for name, array in run.checkpoints.latest().items()
            if name.startswith(("generator/", "discriminator/"))
        }
        for run in (ours, theirs)
    )
    assert list(a) == list(b)
    norm = sum(np.sum(np.square(array)) for array in b.values())
    return float(np.sqrt(sum(np.sum(np.square(a[name] - b[name])) for name in a) / norm))
