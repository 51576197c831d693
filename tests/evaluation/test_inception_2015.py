"""The loader of the 2015 Inception graph, on small graphs of the same nodes, and its preprocessing in NumPy.

The published weights are not downloaded, so that nothing here has run them.
"""

import hashlib
import io
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.evaluation import inception_2015
from dcgan.evaluation.features import Extractor, named_features
from dcgan.evaluation.inception_2015 import PublishedFile, build_inception_2015, check_published, graph_file

SIDE, WIDTH, EPSILON = 11, 5, 0.001
RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 3, WIDTH)).astype(np.float32)
MEAN, BETA, GAMMA = (RNG.normal(size=WIDTH).astype(np.float32) for _ in range(3))
VARIANCE = RNG.uniform(0.5, 2, WIDTH).astype(np.float32)


def small_graph(scale=True):
    """Build a graph with the published one's nodes around a single convolution, and its old normalization op.

    The op `BatchNormWithGlobalNormalization` exists for graphs older than version 9 only. As in the published graph, a
    JPEG of one image is decoded, the stored shapes have a batch of 1, and a reshape to one row follows the features.
    """
    with tf.Graph().as_default() as graph:
        contents = tf.compat.v1.placeholder(tf.string, (), name="DecodeJpeg/contents")
        pixels = tf.cast(tf.io.decode_jpeg(contents, channels=3, name="DecodeJpeg"), tf.float32, name="Cast")
        batch = tf.expand_dims(pixels, 0, name="ExpandDims")
        size = tf.constant([SIDE, SIDE], name="ResizeBilinear/size")
        resized = tf.raw_ops.ResizeBilinear(images=batch, size=size, name="ResizeBilinear")
        scaled = tf.multiply(tf.subtract(resized, 128.0, name="Sub"), 1 / 128, name="Mul")
        for name, value in {"mean": MEAN, "variance": VARIANCE, "beta": BETA, "gamma": GAMMA}.items():
            tf.constant(value, name=f"conv/batchnorm/{name}")
        maps = tf.nn.conv2d(scaled, KERNEL, 2, "VALID", name="conv/Conv2D")
        relu = tf.nn.relu(maps, name="conv")
        pool = tf.nn.avg_pool2d(relu, (SIDE - 1) // 2, 1, "VALID", name="pool_3")
        tf.reshape(pool, (1, WIDTH), name="pool_3/_reshape")
    definition = graph.as_graph_def(add_shapes=True)
    norm = definition.node.add(name="conv/batchnorm", op="BatchNormWithGlobalNormalization")
    norm.input.extend(["conv/Conv2D", *(f"conv/batchnorm/{name}" for name in ("mean", "variance", "beta", "gamma"))])
    norm.attr["T"].type = tf.float32.as_datatype_enum
    norm.attr["variance_epsilon"].f = EPSILON
    norm.attr["scale_after_normalization"].b = scale
    (relu_node,) = [node for node in definition.node if node.name == "conv"]
    relu_node.input[0] = "conv/batchnorm"
    definition.versions.producer = 8
    return definition


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("graph") / "classify_image_graph_def.pb"
    file.write_bytes(small_graph().SerializeToString())
    return file


def resize_like_tensorflow_1(image, side):
    """Resize (H, W, C) by the rule of `tf.image.resize_bilinear` in TensorFlow 1: source = target · in / out."""
    rows, columns = (np.arange(side, dtype=np.float32) * np.float32(size / side) for size in image.shape[:2])

    def blend(values, positions):
        low = np.floor(positions).astype(int)
        high = np.minimum(low + 1, len(values) - 1)
        weight = (positions - low).reshape(-1, *[1] * (values.ndim - 1))
        return values[low] * (1 - weight) + values[high] * weight

    return blend(blend(image.astype(np.float32), rows).swapaxes(0, 1), columns).swapaxes(0, 1)


def expected_features(image, scale=True):
    x = (resize_like_tensorflow_1(image, SIDE) - 128) / 128
    count = (SIDE - 1) // 2
    maps = np.array(
        [
            [np.tensordot(x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3], KERNEL, axes=3) for j in range(count)]
            for i in range(count)
        ]
    )
    normalized = (maps - MEAN) / np.sqrt(VARIANCE + EPSILON) * (GAMMA if scale else 1) + BETA
    return np.maximum(normalized, 0).mean(axis=(0, 1))


def images(count, size=(7, 7), channels=3):
    return np.random.default_rng(1).integers(0, 256, (count, *size, channels), np.uint8)


@pytest.mark.parametrize("size", [(7, 7), (28, 20), (SIDE, SIDE)])
def test_the_graph_resizes_as_tensorflow_1_and_takes_a_batch_although_it_was_made_for_one_image(path, size):
    x = images(5, size)
    found = Extractor("inception-2015", build_inception_2015(path), "", 2)(x)
    np.testing.assert_allclose(found, [expected_features(image) for image in x], rtol=1e-4, atol=1e-4)


def test_a_normalization_without_scale_ignores_gamma(tmp_path):
    file = tmp_path / "graph.pb"
    file.write_bytes(small_graph(scale=False).SerializeToString())
    x = images(2)
    found = Extractor("inception-2015", build_inception_2015(file), "", 2)(x)
    np.testing.assert_allclose(found, [expected_features(image, scale=False) for image in x], rtol=1e-4, atol=1e-4)


def test_resizing_as_in_tensorflow_1_differs_from_that_of_tensorflow_2():
    x = images(1, (5, 5))
    ours = resize_like_tensorflow_1(x[0], SIDE)
    assert np.abs(tf.image.resize(x, (SIDE, SIDE))[0] - ours).max() > 10
    np.testing.assert_allclose(tf.compat.v1.image.resize_bilinear(x, (SIDE, SIDE))[0], ours, atol=1e-3)


def test_the_graph_sees_all_256_levels_exactly(path, monkeypatch):
    seen = []
    layer = build_inception_2015(path).get_layer("inception_2015")
    monkeypatch.setattr(layer, "_features", lambda pixels: seen.append(pixels) or pixels)
    from dcgan.core.image_range import to_float

    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    layer.call(to_float(levels))
    np.testing.assert_array_equal(seen[0], levels)


def test_gray_images_are_repeated_to_rgb(path):
    x = images(3, channels=1)
    extractor = Extractor("inception-2015", build_inception_2015(path), "", 2)
    np.testing.assert_array_equal(extractor(x), extractor(x.repeat(3, axis=-1)))


def test_a_file_that_is_no_such_graph_is_refused(tmp_path):
    file = tmp_path / "graph.pb"
    file.write_bytes(b"\xff" * 50)
    with pytest.raises(UserError, match=r"graph\.pb is not a TensorFlow graph"):
        build_inception_2015(file)
    file.write_bytes(tf.Graph().as_graph_def().SerializeToString())
    with pytest.raises(UserError, match="no nodes ExpandDims and pool_3"):
        build_inception_2015(file)


def archive_of(path, folder):
    """Return the description of a local archive that contains a file beside another."""
    archive = folder / "inception.tgz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.addfile(tarfile.TarInfo("LICENSE"), io.BytesIO())
        opened.add(path, path.name)
    content = path.read_bytes()
    return PublishedFile(archive.as_uri(), path.name, len(content), hashlib.md5(content).hexdigest())


def test_the_file_is_downloaded_once_and_checked(path, tmp_path, capsys):
    published, cache = archive_of(path, tmp_path), tmp_path / "cache"
    file = graph_file(cache, published)
    assert file == cache / "classify_image_graph_def.pb"
    assert file.read_bytes() == path.read_bytes()
    assert "Downloading" in capsys.readouterr().out
    (tmp_path / "inception.tgz").unlink()
    assert graph_file(cache, published) == file
    assert capsys.readouterr().out == ""


def test_offline_the_message_says_where_to_put_the_file(tmp_path):
    missing = PublishedFile((tmp_path / "none.tgz").as_uri(), "graph.pb", 1, "")
    with pytest.raises(UserError, match=r"can't be downloaded from file:.*none\.tgz") as caught:
        graph_file(tmp_path / "cache", missing)
    assert f"Put graph.pb of that archive into {tmp_path / 'cache'}" in str(caught.value)
    assert not (tmp_path / "cache" / "graph.pb").exists()


def test_an_archive_without_the_file_and_a_damaged_one_leave_nothing(path, tmp_path):
    published = archive_of(path, tmp_path)
    with pytest.raises(UserError, match="the file is missing"):
        graph_file(tmp_path / "cache", published._replace(name="other.pb"))
    archive = tmp_path / "inception.tgz"
    archive.write_bytes(archive.read_bytes()[:-400])
    with pytest.raises(UserError, match="can't be downloaded"):
        graph_file(tmp_path / "cache", published)
    assert not list((tmp_path / "cache").glob("*.pb"))


def test_another_file_of_that_name_is_refused(path, tmp_path):
    size, digest = path.stat().st_size, hashlib.md5(path.read_bytes()).hexdigest()
    check_published(path, PublishedFile("url", "name", size, digest))
    for other in (PublishedFile("url", "name", size + 1, digest), PublishedFile("url", "name", size, "0" * 32)):
        with pytest.raises(UserError, match=r"MD5 checksum .*; the published file has") as caught:
            check_published(path, other)
        assert "Delete it" in str(caught.value)


def test_features_are_named_on_the_command_line(path, tmp_path, monkeypatch):
    monkeypatch.setattr(inception_2015, "graph_file", lambda cache_dir: path)
    extractor = named_features("inception-2015", (7, 7), 3, tmp_path)
    assert extractor.name == "inception-2015"
    assert extractor(images(3)).shape == (3, WIDTH)
    with pytest.raises(UserError, match="There is no model file"):
        named_features("inception-2014", (7, 7), 3, tmp_path)
