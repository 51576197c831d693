"""The table of data sources: it covers the command line, and one entry adds a dataset."""

import contextlib

import numpy as np
import pytest

from dcgan.config import DATASETS, DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.data.folder import label_images
from dcgan.data.listing import open_image_files
from dcgan.data.sources import SOURCES, ArraySource, ImageFileSource
from tests.support.synthetic_datasets import solid_image, write_files


def test_the_table_has_the_datasets_of_the_command_line_in_the_same_order():
    assert tuple(SOURCES) == DATASETS


def test_an_unknown_dataset_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="no dataset 'imagenet'") as caught:
        load(DataConfig("imagenet"))
    assert "mnist10k, mnist" in caught.value.hint


def test_an_entry_with_a_reader_adds_a_dataset(tmp_path, monkeypatch):
    def read_squares(data_dir, split):
        images = np.full((6, 16, 16, 1), len(split), np.uint8)
        return images, np.arange(6) % 2

    monkeypatch.setitem(SOURCES, "squares", ArraySource(class_names=("even", "odd"), read=read_squares))
    for split in ("train", "test"):
        squares = load(DataConfig("squares", tmp_path, channels=3), split)
        assert squares.images.shape == (6, 16, 16, 3)
        assert (squares.images == len(split)).all()
        assert squares.labels.tolist() == [0, 1, 0, 1, 0, 1]
        assert squares.class_names == ("even", "odd")
    with pytest.raises(UserError, match="needs `data_dir`"):
        load(DataConfig("squares"))
    with pytest.raises(UserError, match='`attribute` belongs to `dataset="celeba"`'):
        load(DataConfig("squares", tmp_path, attribute="Smiling"))


def test_an_entry_that_lists_files_adds_a_dataset_in_the_cache(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def open_split(config, split):
        with open_image_files(config.data_dir / split) as image_files:
            yield label_images(image_files)

    monkeypatch.setitem(SOURCES, "flowers", ImageFileSource(open_files=open_split, image_size=(32, 32)))
    for split, value in (("train", 10), ("test", 20)):
        write_files(tmp_path / "flowers" / split, {f"{name}/1.png": solid_image((value, 0, 0)) for name in "ab"})
    for split, value in (("train", 10), ("test", 20)):
        flowers = load(DataConfig("flowers", tmp_path / "flowers", cache_dir=tmp_path / "caches"), split)
        assert flowers.images.shape == (2, 32, 32, 3)
        assert (flowers.images[..., 0] == value).all()
        assert flowers.class_names == ("a", "b")
    assert len([path for path in (tmp_path / "caches").iterdir() if path.is_dir()]) == 2
