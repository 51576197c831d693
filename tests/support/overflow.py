"""Train with gradients that are infinite in replica 1 alone: `python overflow.py NUM_LOGICAL_CPUS CONFIG.yaml`.

The discriminator has no BatchNorm: synchronized, it would carry the overflow to the other replicas. The program prints,
as JSON, the values that each local replica has of both loss scales, and whether no weight has changed.
"""

import json
import sys
from pathlib import Path

from dcgan.config import TrainConfig
from dcgan.config.parser import read_yaml
from dcgan.core.imports import import_tensorflow

if __name__ == "__main__":
    import_tensorflow()
    import keras
    import numpy as np
    import tensorflow as tf

    from dcgan.training import loop
    from dcgan.training.losses import non_saturating

    trainers = []

    class RecordedTrainer(loop.Trainer):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            trainers.append(self)
            self.weights = self.generator.trainable_variables + self.discriminator.trainable_variables
            self.initial_weights = [weight.numpy() for weight in self.weights]

    def build_discriminator(image_size, channels, **options):
        images = keras.Input((*image_size, channels), name="image")
        logits = keras.layers.Dense(1, name="logit", dtype="float32")(keras.layers.Flatten()(images))
        return keras.Model(images, logits, name="discriminator")

    @tf.custom_gradient
    def overflow(value):
        def gradient(upstream):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.where(tf.equal(replica, 1), float("inf"), upstream)

        return tf.identity(value), gradient

    def overflowing(real_logits, fake_logits):
        d_loss, g_loss = non_saturating(real_logits, fake_logits)
        return overflow(d_loss), overflow(g_loss)

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1]))
    loop.Trainer = RecordedTrainer
    config = read_yaml(TrainConfig, Path(sys.argv[-1]))
    loop.train(config, loss=overflowing, build_discriminator=build_discriminator)
    (trainer,) = trainers
    optimizers = trainer.discriminator_optimizer, trainer.generator_optimizer
    scales = [trainer.strategy.experimental_local_results(optimizer.dynamic_scale.value) for optimizer in optimizers]
    same = all(np.array_equal(*pair) for pair in zip(trainer.initial_weights, trainer.weights, strict=True))
    print(json.dumps({"scales": [float(copy) for copies in scales for copy in copies], "unchanged": same}))
