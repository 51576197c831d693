"""Small files with many images in every format, written by the library of the format. Nothing here uses the package."""

import io
import tarfile
from pathlib import Path

import numpy as np

from tests.support.synthetic_datasets import encode_image


def random_images(count=24, size=(20, 24), channels=3, seed=0):
    """uint8 images (count, H, W, C), or (count, H, W) with 0 channels, and labels (count,) of three classes."""
    rng = np.random.default_rng(seed)
    shape = (count, *size, channels) if channels else (count, *size)
    return rng.integers(0, 256, shape, np.uint8), np.arange(count) % 3


def write_npy(path: Path):
    """Images alone."""
    images, _ = random_images()
    np.save(path / "images.npy", images)
    return path / "images.npy", images, None


def write_npz(path: Path):
    """Images and labels, compressed."""
    images, labels = random_images()
    np.savez_compressed(path / "data.npz", images=images, labels=labels)
    return path / "data.npz", images, [str(label) for label in labels]


def write_hdf5(path: Path):
    """Images in compressed chunks and names of classes."""
    import h5py

    images, labels = random_images()
    names = [f"class {label}" for label in labels]
    with h5py.File(path / "data.h5", "w") as file:
        file.create_dataset("train/images", data=images, chunks=(4, 20, 24, 3), compression="gzip")
        file.create_dataset("train/labels", data=[name.encode() for name in names])
        file["mean"] = images.mean(0)
    return path / "data.h5", images, names


def write_webdataset(path: Path):
    """Two tars of one dataset, each image with its class."""
    images, labels = random_images()
    for shard, part in enumerate((range(13), range(13, 24))):
        with tarfile.open(path / f"train-{shard:06d}.tar", "w") as archive:
            for number in part:
                files = {"png": encode_image(images[number]), "cls": str(labels[number]).encode()}
                for ending, data in files.items():
                    info = tarfile.TarInfo(f"{number:06d}.{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    return path, images, [str(label) for label in labels]


def write_parquet(path: Path):
    """Two files as `datasets` writes them: a struct of bytes and path, and numbers whose names the schema has."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    images, labels = random_images()
    names = ["cat", "dog", "owl"]
    info = {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata={"huggingface": json.dumps(info)})
    (path / "data").mkdir()
    for shard, part in enumerate((range(13), range(13, 24))):
        rows = [
            {"image": {"bytes": encode_image(images[n]), "path": f"{n}.png"}, "label": int(labels[n])} for n in part
        ]
        table = pa.Table.from_pylist(rows, schema)
        pq.write_table(table, path / "data" / f"train-{shard:05d}-of-00002.parquet", row_group_size=5)
    return path, images, [names[label] for label in labels]


def write_tfrecord(path: Path):
    """Two files of encoded images, their classes by number and name, and other features."""
    import tensorflow as tf

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    images, labels = random_images()
    for shard, part in enumerate((range(13), range(13, 24))):
        with tf.io.TFRecordWriter(str(path / f"flowers-train.tfrecord-{shard:05d}-of-00002")) as writer:
            for number in part:
                features = {
                    "image/encoded": feature(encode_image(images[number])),
                    "image/class/label": feature(int(labels[number])),
                    "image/height": feature(20),
                    "image/filename": feature(b"x.png"),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return path, images, [str(label) for label in labels]
