"""A generator as arrays, and the generator in NumPy that computes images from them."""

import subprocess
import sys

import numpy as np
import pytest

from dcgan.export import numpy_generator
from dcgan.export.formats import FORMATS
from dcgan.export.generator_arrays import generator_sizes, write_generator_arrays
from dcgan.export.model_card import usage_code
from dcgan.networks import build_generator
from dcgan.networks.upsampling import UPSAMPLERS
from tests.support.small_generators import CLASSES, LATENT_DIM, images_from, inputs_for, small_generator


@pytest.mark.parametrize(
    ("upsampling", "kernel"),
    [
        *((upsampling, kernel) for upsampling in ("transposed", "unpool") for kernel in (2, 3, 4, 5)),
        *((upsampling, 6) for upsampling in UPSAMPLERS),
    ],
)
def test_numpy_generates_the_images_of_keras_with_every_upsampling_method(upsampling, kernel, tmp_path):
    generator = small_generator(image_size=(8, 10), upsampling=upsampling, kernel=kernel)
    write_generator_arrays(generator, tmp_path / "g.npz")
    inputs = inputs_for(generator, 3)
    images = numpy_generator.generate(numpy_generator.load(tmp_path / "g.npz"), inputs["latent"])
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, images_from(generator, inputs), atol=1e-5)


@pytest.mark.parametrize("upsampling", UPSAMPLERS)
def test_the_arrays_rebuild_the_generator(upsampling, tmp_path):
    generator = small_generator(CLASSES, image_size=(8, 10), upsampling=upsampling)
    write_generator_arrays(generator, tmp_path / "g.npz")
    arrays = numpy_generator.load(tmp_path / "g.npz")
    assert arrays.pop("epsilon") == np.float32(generator.get_layer("norm_0").epsilon)
    types = {"channels": int, "width": int, "latent_dim": int, "kernel": int, "classes": int, "upsampling": str}
    sizes = {name: to_python(arrays.pop(name)) for name, to_python in types.items()}
    rebuilt = build_generator(tuple(map(int, arrays.pop("image_size"))), **sizes)
    for variable in rebuilt.variables:
        variable.assign(arrays.pop(variable.path.removeprefix("generator/")))
    assert arrays == {}
    inputs = inputs_for(generator, 2)
    np.testing.assert_array_equal(images_from(rebuilt, inputs), images_from(generator, inputs))


def test_the_sizes_of_a_generator_are_the_arguments_it_was_built_with():
    sizes = generator_sizes(small_generator(CLASSES, width=4, kernel=6))
    assert tuple(sizes.pop("image_size")) == (16, 24)
    expected = {"channels": 3, "width": 4, "latent_dim": LATENT_DIM, "kernel": 6, "classes": CLASSES}
    expected |= {"upsampling": "transposed"}
    assert {name: sizes[name] for name in expected} == expected


def test_the_usage_code_of_the_arrays_needs_neither_this_package_nor_tensorflow(generator, tmp_path):
    write_generator_arrays(generator, tmp_path / "g.npz")
    classes = CLASSES if len(generator.inputs) > 1 else 0
    code = usage_code(FORMATS["npz"], "g.npz", LATENT_DIM, generator.output_shape[1:], classes)
    check = "import sys; assert 'dcgan' not in sys.modules and 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-c", f"{code}\n{check}"], check=True, cwd=tmp_path)
    assert (tmp_path / "images.png").is_file()
