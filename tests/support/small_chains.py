"""A chain of layers that the discriminator does not have."""

import keras
from keras import layers


def chain_with_activations() -> keras.Sequential:
    """Activations inside layers, overlapping pooling windows, and dropout, which does nothing in inference mode."""
    return keras.Sequential(
        [
            keras.Input((13, 13, 2)),
            layers.Conv2D(4, 3, activation="leaky_relu", name="a"),
            layers.MaxPooling2D(3, strides=2, padding="same", name="b"),
            layers.Dropout(0.5, name="c"),
            layers.Conv2D(4, 2, activation=layers.LeakyReLU(0.3), name="d"),
            layers.Activation("relu", name="e"),
            layers.Flatten(name="f"),
            layers.Dense(5, activation="relu", name="g"),
            layers.Dense(2, activation="linear", name="h"),
        ]
    )
