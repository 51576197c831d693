"""The 2015 Inception network in whose features published FID is measured, as the frozen TensorFlow graph it came in.

Heusel et al. 2017 ("GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium") take the 2048
features of `pool_3` of `classify_image_graph_def.pb`; the weights of pytorch-fid, torch-fidelity and clean-fid are
ports of it. TensorFlow imports the graph itself, so its preprocessing is the graph's own: RGB from 0 to 255, resized to
299×299 by `ResizeBilinear` as in TensorFlow 1 (no antialiasing, corners of pixels aligned at the top left), and
(x − 128) / 128.
"""

import hashlib
import shutil
import tarfile
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from dcgan.core.atomic_io import atomic_write
from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.errors import UserError

INPUT, OUTPUT = "ExpandDims", "pool_3"
"""Nodes of the graph: float32 images (1, H, W, 3) from 0 to 255, behind the decoding of a JPEG; and the features."""


class PublishedFile(NamedTuple):
    """A file in an archive that is downloaded."""

    url: str
    """Of a `.tgz` archive."""
    name: str
    """Of the file, in the archive and in the cache folder."""
    size: int
    """Bytes of the file."""
    md5: str
    """Of the file."""


WEIGHTS = PublishedFile(
    # The https address of http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz, the address in
    # the FID paper's code; 88,931,400 bytes.
    "https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz",
    "classify_image_graph_def.pb",
    95_673_916,
    "e6bb154e85f5d4331c22abcddb5dcf31",
)
"""The archive's listing states this size; it and the checksum are those of the copy that the evaluation of
guided-diffusion (Dhariwal and Nichol 2021) downloads."""


class FrozenGraph(keras.layers.Layer):
    """A part of a frozen TensorFlow graph: images (N, H, W, 3) in [-1, 1] to float32 (N, D).

    The published graph takes one image at a time. Its batch of 1 is no constant between `INPUT` and `OUTPUT`, but the
    shapes that are stored with its nodes and a reshape behind `OUTPUT`: without these, it takes a batch of any size.

    Args:
        graph: the graph, with the nodes `INPUT` and `OUTPUT`.
        kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UserError: the graph has no such nodes.
    """

    def __init__(self, graph: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self._part = part_of_graph(graph, INPUT, OUTPUT)
        with tf.Graph().as_default():
            width = self._features(tf.compat.v1.placeholder(tf.float32, (None, None, None, 3))).shape[-1]
        assert width is not None  # the number of the last layer's filters
        self.width = width

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return the features of images, whose 256 levels are restored exactly."""
        return self._features(tf.round((images + 1.0) * 127.5))

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        """Return the shape of the features."""
        return keras.KerasTensor((images.shape[0], self.width), "float32")

    def _features(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return the features of float32 images (N, H, W, 3) from 0 to 255, whose mean over all positions is taken."""
        (output,) = tf.graph_util.import_graph_def(
            self._part, input_map={f"{INPUT}:0": pixels}, return_elements=[f"{OUTPUT}:0"], name="inception"
        )
        return tf.reshape(output, (-1, output.shape[-1]))


def part_of_graph(graph: Any, first: str, last: str) -> Any:
    """Return the nodes between two nodes of a graph, without their stored shapes, in ops of today.

    Args:
        graph: a `GraphDef`; it is not changed.
        first: name of the node whose output is the input of the part; it is not in the part.
        last: name of the node whose output is the output of the part.

    Returns:
        A `GraphDef` for today's version of TensorFlow.

    Raises:
        UserError: the graph lacks one of the nodes.
    """
    nodes = {node.name: node for node in graph.node}
    if first not in nodes or last not in nodes:
        raise UserError(f"The graph has no nodes {first} and {last}.", f"Use {WEIGHTS.name} of {WEIGHTS.url}.")
    needed, pending = set(), [last]
    while pending:
        name = pending.pop()
        if name != first and name not in needed:
            needed.add(name)
            pending += [source.lstrip("^").partition(":")[0] for source in nodes[name].input]
    part = type(graph)(node=[node for node in graph.node if node.name in needed])
    for node in list(part.node):
        node.attr.pop("_output_shapes", None)
        if node.op == "BatchNormWithGlobalNormalization":
            _replace_batch_norm(part, node)
    return part


def _replace_batch_norm(graph: Any, node: Any) -> None:
    """Make a normalization op of 2015, which functions of TensorFlow 2 refuse, the fused one that computes the same.

    Args:
        graph: the graph that the node is in; without `scale_after_normalization`, a node of ones takes gamma's place.
        node: a `BatchNormWithGlobalNormalization`, whose inputs are maps, mean, variance, beta and gamma.
    """
    maps, mean, variance, beta, gamma = node.input
    epsilon, scale = node.attr["variance_epsilon"].f, node.attr["scale_after_normalization"].b
    if not scale:
        ones = graph.node.add(name=f"{node.name}/ones", op="OnesLike", input=[gamma])
        ones.attr["T"].CopyFrom(node.attr["T"])
        gamma = ones.name
    kind = type(node.attr["T"])(type=node.attr["T"].type)
    node.op = "FusedBatchNormV3"
    del node.input[:]
    node.input.extend([maps, gamma, beta, mean, variance])
    node.attr.clear()
    for name in ("T", "U"):
        node.attr[name].CopyFrom(kind)
    node.attr["epsilon"].f = epsilon
    node.attr["is_training"].b = False


def build_inception_2015(path: Path) -> keras.Model:
    """Build the network from a graph file.

    Args:
        path: a frozen graph in the binary format of `GraphDef`.

    Returns:
        A model from float32 images (N, H, W, 3) in [-1, 1] of any size to features (N, D), of the published file 2048.

    Raises:
        UserError: the file is no graph, or lacks the nodes.
    """
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError, a type of its own in each implementation
        raise UserError(
            f"{path} is not a TensorFlow graph: {error}", f"Use {WEIGHTS.name} of {WEIGHTS.url}."
        ) from error
    images = keras.Input((None, None, 3))
    return keras.Model(images, FrozenGraph(graph, dtype="float32", name="inception_2015")(images))


def graph_file(cache_dir: Path | None = None, published: PublishedFile = WEIGHTS) -> Path:
    """Return the graph file in the cache folder; it is downloaded if it is not there.

    Args:
        cache_dir: as for `resolve_cache_dir`.
        published: what to download.

    Returns:
        The path of a file whose size and checksum are as published.

    Raises:
        UserError: the download fails, the cache folder is not writable, or the file is not the published one.
    """
    path = resolve_cache_dir(cache_dir) / published.name
    if not path.exists():
        with build_lock(path, "downloading"):
            if not path.exists():
                _download(published, path)
    check_published(path, published)
    return path


def check_published(path: Path, published: PublishedFile) -> None:
    """Check size and MD5 checksum of a file, which detect a damaged download or another network's graph.

    Args:
        path: the file.
        published: what it should be.

    Raises:
        UserError: it is another file.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    size = path.stat().st_size
    if (size, digest) != (published.size, published.md5):
        raise UserError(
            f"{path} has {size:,} bytes and the MD5 checksum {digest}; the published file has {published.size:,} and "
            f"{published.md5}.",
            f"Delete it to download it again, or replace it by {published.name} of {published.url}.",
        )


def _download(published: PublishedFile, path: Path) -> None:
    """Write the file from the archive to a path, whole or not at all."""
    print(f"Downloading {published.url} to {path}.", flush=True)
    try:
        with (
            urllib.request.urlopen(published.url, timeout=60) as response,
            tarfile.open(fileobj=response, mode="r|gz") as archive,
        ):
            member = next(member for member in archive if Path(member.name).name == published.name)
            source = archive.extractfile(member)
            assert source is not None  # a file, not a folder
            with atomic_write(path) as temporary, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
    except (OSError, tarfile.TarError, EOFError, StopIteration) as error:
        reason = str(error) or "the file is missing"
        raise UserError(
            f"The 2015 Inception weights can't be downloaded from {published.url}: {reason}",
            f"Put {published.name} of that archive into {path.parent}, or use --features classifier.",
        ) from error
