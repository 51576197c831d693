"""Train on logical CPU devices: `python replicas.py COUNT [--replicas-own-batch-norm] CONFIG.yaml`."""

import sys
from pathlib import Path

from dcgan.config import TrainConfig
from dcgan.config.parser import read_yaml
from dcgan.core.imports import import_tensorflow

if __name__ == "__main__":
    import_tensorflow()
    import tensorflow as tf

    from dcgan.networks import layers
    from dcgan.training import loop, trainer

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1]))
    if "--replicas-own-batch-norm" in sys.argv:
        trainer.SYNCHRONIZED_LAYERS = layers.TRAINING_LAYERS
    loop.train(read_yaml(TrainConfig, Path(sys.argv[-1])))
