"""The layers both networks are made of, with the paper's settings instead of Keras' defaults."""

import keras

from dcgan.randomness import derived_seed

# Radford et al. 2016, section 4: weights from N(0, 0.02); their code draws BatchNorm's scale from N(1, 0.02).
WEIGHTS_DEVIATION = 0.02
# Torch's defaults, which the paper's code trained with; Keras' own are 0.99 and 1e-3.
BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON = 0.9, 1e-5
LEAKY_SLOPE = 0.2


def normal(seed: int, name: str, mean: float = 0.0) -> keras.initializers.Initializer:
    """N(mean, 0.02), drawn for the layer `name` (network and layer, `generator/grow_0`) alone."""
    return keras.initializers.RandomNormal(mean, WEIGHTS_DEVIATION, seed=derived_seed(seed, name))


def batch_norm(seed: int, name: str) -> keras.layers.Layer:
    """BatchNorm as the paper's code has it."""
    return keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        gamma_initializer=normal(seed, name, mean=1.0),
        name=name.rpartition("/")[2],
    )
