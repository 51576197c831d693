"""Few images from scratch and with another run's weights: the rows, the images, the table."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks import transfer
from dcgan import data
from dcgan.config import DataConfig
from tests.support.synthetic_datasets import write_mnist


def test_rows_differ_in_the_initial_weights_and_the_frozen_layers_alone():
    assert transfer.variants("mnist", [0, 2]) == {
        "from scratch": {},
        "--init-from mnist": {"init_from": "mnist", "freeze_d": 0},
        "--init-from mnist --freeze-d 2": {"init_from": "mnist", "freeze_d": 2},
    }


def test_the_scale_of_the_other_run_is_a_row_of_its_own():
    rows = transfer.variants("mnist", [0], keep=True)
    assert list(rows) == ["from scratch", "--init-from mnist", "--init-from mnist --init-scale keep"]
    assert rows["--init-from mnist --init-scale keep"] == rows["--init-from mnist"] | {"init_scale": "keep"}


def test_the_first_images_of_each_class_are_written_unchanged(tmp_path):
    write_mnist(tmp_path / "DIR", train=200, test=8)
    dataset = data.load(DataConfig(dataset="mnist", data_dir=tmp_path / "DIR"))
    chosen = transfer.few_images(dataset.labels, 20)
    assert np.bincount(dataset.labels[chosen]).tolist() == [2] * 10
    assert all(index in chosen for index in (np.argmax(dataset.labels == label) for label in range(10)))
    transfer.write_images(tmp_path / "images", dataset.images[chosen], dataset.labels[chosen], dataset.class_names)
    files = sorted((tmp_path / "images").glob("*/*.png"))
    assert len(files) == 20
    for file in files:
        index = chosen[int(file.stem)]
        assert dataset.class_names[dataset.labels[index]] == file.parent.name
        assert np.array_equal(np.asarray(Image.open(file)), dataset.images[index, :, :, 0])


def test_digits_of_8_pixels_fill_20_in_the_middle_of_28():
    images, labels = transfer.uci_digits()
    assert images.shape == (1797, 28, 28, 1)
    assert np.bincount(labels).min() > 170
    inside = images[:, 4:24, 4:24].copy()
    images[:, 4:24, 4:24] = 0
    assert not images.any()
    means = inside.reshape(-1, 20, 20).mean((1, 2))
    expected = load_digits().images.mean((1, 2)) * 255 / 16
    np.testing.assert_allclose(means, expected, atol=6)


def test_the_table_has_the_distance_at_each_step_over_all_seeds():
    def records(*distances):
        others = {"precision": 0.5, "recall": 0.25, "seconds": 10}
        return [{"step": 1000 * n, "frechet_distance": d, **others} for n, d in enumerate(distances, 1)]

    table = transfer.report({"a": [records(4, 2), records(6, 2)], "b": [records(1, 0.5), records(1, 0.5)]})
    header, _, a, b = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert header[1:3] == ["distance at step 1,000", "distance at step 2,000"]
    assert a[1].startswith("5 ± ")
    assert b[1] == "1 ± 0"
    assert a[-3:] == ["0.5 ± 0", "0.25 ± 0", "10 ± 0"]
