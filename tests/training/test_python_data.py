"""Training on arrays and on a `tf.data.Dataset`."""

import numpy as np
import pytest
import tensorflow as tf

import dcgan
from dcgan.core.errors import UserError
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.data.python_data import dataset_of

GRAY = np.random.default_rng(0).integers(0, 256, (24, 16, 16), np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (24, 16, 16, 3), np.uint8)
LABELS = np.arange(24) % 3
NAMES = ["cat", "dog", "emu"] * 8


def read(images, **options):
    return dataset_of(images, dcgan.TrainConfig(**options))


def slices(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


FORMS = {
    "array": lambda: (COLOR, LABELS),
    "names": lambda: (COLOR, [str(label) for label in LABELS]),
    "tensor": lambda: (tf.constant(COLOR), tf.constant(LABELS)),
    "single images": lambda: slices(COLOR, LABELS),
    "batches": lambda: slices(COLOR, LABELS).batch(7),
    "a generator": lambda: tf.data.Dataset.from_generator(
        lambda: zip(COLOR, LABELS, strict=True),
        output_signature=(tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64)),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_dataset(form):
    dataset, config = read(FORMS[form]())
    np.testing.assert_array_equal(dataset.images, COLOR)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names == ("0", "1", "2")
    assert (config.dataset, config.image_size, config.channels) == ("folder", "16", 3)
    assert dataset.fingerprint == read((COLOR, LABELS))[0].fingerprint


@pytest.mark.parametrize("images", [GRAY, GRAY[..., np.newaxis], slices(GRAY), slices(GRAY).batch(5)])
def test_gray_images_may_have_no_axis_of_channels(images):
    dataset, config = read(images)
    np.testing.assert_array_equal(dataset.images[..., 0], GRAY)
    assert dataset.labels is None
    assert config.channels == 1


def test_the_options_decide_on_size_and_labels():
    dataset, config = read((COLOR, NAMES), image_size=8, labels="none")
    assert dataset.images.shape == (24, 8, 8, 3)
    assert dataset.labels is None
    assert read((COLOR, NAMES))[0].class_names == ("cat", "dog", "emu")
    assert config.image_size == dcgan.DataConfig(image_size=8).image_size


def test_a_dataset_is_taken_as_it_is():
    given = dataset_from_arrays("mine", COLOR, LABELS, ("a", "b", "c"))
    assert read(given)[0] is given


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (COLOR.astype(np.float32) / 255, "type float32 instead of uint8"),
        (COLOR.astype(np.int64), "type int64 instead of uint8"),
        (GRAY[0], r"shape \(16, 16\)"),
        (COLOR[0], r"shape \(16, 16, 3\)"),
        (np.zeros((4, 16, 16, 2), np.uint8), r"shape \(4, 16, 16, 2\)"),
        (np.zeros((0, 16, 16, 3), np.uint8), "is empty"),
        ((COLOR, LABELS[:5]), r"24 images and labels \(5,\)"),
        ((COLOR, np.arange(24)), "The labels can't be used"),
        (slices(COLOR).repeat(), "without an end"),
        (slices(LABELS), "elements of `images` are"),
        (slices(COLOR).take(0), "is empty"),
    ],
)
def test_other_images_are_refused_with_the_name_of_the_argument(images, problem):
    with pytest.raises(UserError, match=problem):
        read(images)


def test_two_sources_of_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="`images` and `data_dir` are two sources"):
        read(COLOR, data_dir=tmp_path)


def test_a_run_trains_resumes_and_refuses_other_images(tmp_path):
    def train(images, steps, **options):
        config = dcgan.TrainConfig(
            run_dir=tmp_path / "run",
            steps=steps,
            batch_size=8,
            generator_width=4,
            discriminator_width=4,
            latent_dim=8,
            compile="none",
            tensorboard=False,
            health_checks=False,
            **options,
        )
        return dcgan.train(config, images=images)

    train((COLOR, NAMES), 1)
    run = train(slices(COLOR, np.array(NAMES)), 2)
    assert run.classes().names == ("cat", "dog", "emu")
    assert run.load_generator().output_shape == (None, 16, 16, 3)
    with pytest.raises(UserError):
        train((COLOR[::-1], NAMES), 3)
    with pytest.raises(UserError, match="`evaluate_every` reads real images anew"):
        train((COLOR, NAMES), 3, evaluate_every=1)
