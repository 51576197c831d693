"""The classes of a conditional run."""

import json
import unicodedata

import numpy as np
import pytest

from dcgan.core.classes import Classes, classes_from_labels, divide_classes, read_classes, with_class, write_classes
from dcgan.core.errors import UserError
from dcgan.data.sources import SOURCES, ArraySource

THREE = Classes(("cat", "dog", "1"), (0.5, 0.3, 0.2))


def test_over_consecutive_seeds_the_classes_have_their_probabilities():
    for first in (0, 12_345, 2**62):
        counts = np.bincount(THREE.labels_for(range(first, first + 1000)))
        np.testing.assert_allclose(counts, [500, 300, 200], atol=3)


def test_the_class_of_a_seed_does_not_depend_on_the_others():
    together = THREE.labels_for(range(50))
    assert [int(THREE.labels_for([seed])[0]) for seed in range(50)] == together.tolist()


def test_the_class_of_a_seed_follows_from_its_multiple_of_the_golden_ratio():
    expected = [int(np.searchsorted([0.5, 0.8], (seed * 0.6180339887498949) % 1, side="right")) for seed in range(200)]
    assert THREE.labels_for(range(200)).tolist() == expected


def test_a_class_is_found_by_name_then_by_number():
    assert (THREE.parse("dog"), THREE.parse("0"), THREE.parse("1")) == (1, 0, 2)


def test_case_is_ignored_unless_two_classes_differ_in_it_alone():
    assert THREE.parse("CAT") == 0
    cats = Classes(("Cat", "cat", "Dog"), (0.5, 0.3, 0.2))
    assert (cats.parse("Cat"), cats.parse("cat"), cats.parse("dOG")) == (0, 1, 2)
    with pytest.raises(UserError, match="no class 'CAT'"):
        cats.parse("CAT")


def test_a_mistyped_class_is_answered_with_the_most_similar_one():
    groups = Classes(("Smileys & Emotion", "Flags"), (0.5, 0.5))
    with pytest.raises(UserError, match="did you mean Smileys & Emotion"):
        groups.parse("smileys and emotion")
    with pytest.raises(UserError, match=r"no class 'zebra'\."):
        groups.parse("zebra")


def test_class_numbers_are_listed_only_if_the_names_differ_from_them():
    digits = Classes(tuple("0123456789"), (0.1,) * 10)
    with pytest.raises(UserError) as caught:
        digits.parse("10")
    assert caught.value.hint == "Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9."
    with pytest.raises(UserError, match="or their numbers, 0 to 2"):
        THREE.parse("bird")


@pytest.mark.parametrize("text", ["bird", "3", "-1", "", "1e0", "٣", "9" * 50])
def test_an_unknown_class_is_refused_and_the_known_ones_are_listed(text):
    with pytest.raises(UserError, match="cat, dog, 1"):
        THREE.parse(text)


def test_a_class_whose_name_is_a_number_or_a_word_of_the_option_can_be_asked_for():
    odd = Classes(("each", "0", "2", "name:2", "number:0", "SLANT"), (1 / 6,) * 6)
    for label, name in enumerate(odd.names):
        assert odd.parse(f"name:{name}") == odd.parse(name) == label or name in ("name:2", "number:0")
        assert odd.parse(f"name:{name}") == label
        assert odd.parse(f"number:{label}") == label
    assert odd.parse("name:2") == 2
    assert odd.parse("number:0") == 0
    assert odd.parse("name:slant") == 5
    assert odd.parse("1") == 1  # no class has this name
    with pytest.raises(UserError, match=r"name:1 is the class called 1, number:1 the one of this number"):
        odd.parse("number:6")
    for text in ("name:", "name:1", "number:", "number:-1"):
        with pytest.raises(UserError, match="There is no class"):
            odd.parse(text)


def test_names_are_compared_in_one_unicode_form(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    for name in (composed, decomposed):
        classes = Classes((name, "the"), (0.5, 0.5))
        assert classes.names == (composed, "the")
        assert classes.parse(composed) == classes.parse(decomposed) == classes.parse(decomposed.upper()) == 0
        (tmp_path / "classes.json").write_text(json.dumps({"names": [name, "the"], "probabilities": [0.5, 0.5]}))
        assert read_classes(tmp_path / "classes.json") == classes
    both = {"names": [composed, decomposed], "probabilities": [0.5, 0.5]}
    (tmp_path / "classes.json").write_text(json.dumps(both))
    with pytest.raises(UserError, match="damaged"):
        read_classes(tmp_path / "classes.json")
    with pytest.raises(UserError, match="There are two classes 'café'"):
        classes_from_labels(np.array([0, 1]), (composed, decomposed))


def test_folders_of_classes_differ_where_upper_and_lower_case_do_not():
    assert Classes(("Cat", "cat", "dog"), (0.25, 0.25, 0.5)).folder_names == ("Cat-0", "cat-1", "dog")


def test_labels_are_encoded_as_one_hot_rows():
    np.testing.assert_array_equal(THREE.one_hot([2, 0]), np.array([[0, 0, 1], [1, 0, 0]], np.float32))


def test_classes_are_appended_to_latents():
    latents = np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(with_class(latents, THREE.one_hot([1, 2]))[:, 3:], [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(with_class(latents, THREE.one_hot([1])[0])[:, 3:], [[0, 1, 0], [0, 1, 0]])


def test_the_probabilities_are_the_frequencies_of_the_labels():
    assert classes_from_labels(np.array([0, 1, 1, 1]), ("a", "b")) == Classes(("a", "b"), (0.25, 0.75))


def test_a_single_class_or_one_without_images_is_refused():
    with pytest.raises(UserError, match="at least two"):
        classes_from_labels(np.array([0, 0]), ("a",))
    with pytest.raises(UserError, match="'b'"):
        classes_from_labels(np.array([0, 2]), ("a", "b", "c"))


def test_classes_are_equal_after_writing_and_reading_them(tmp_path):
    write_classes(THREE, tmp_path / "classes.json")
    assert read_classes(tmp_path / "classes.json") == THREE


@pytest.mark.parametrize("names", [s.class_names for s in SOURCES.values() if isinstance(s, ArraySource)])
def test_the_classes_of_every_dataset_can_be_written_and_read(tmp_path, names):
    write_classes(Classes(names, (1 / len(names),) * len(names)), tmp_path / "classes.json")
    assert read_classes(tmp_path / "classes.json").names == names


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 10_000,
        '{"names": ["a", "b"]}',
        json.dumps({"names": ["a", "b"], "probabilities": [0.5, 0.6]}),
        json.dumps({"names": ["a", "b"], "probabilities": [1.5, -0.5]}),
        json.dumps({"names": ["a", "a"], "probabilities": [0.5, 0.5]}),
        json.dumps({"names": ["a"], "probabilities": [1]}),
        json.dumps({"names": ["..", "b"], "probabilities": [0.5, 0.5]}),
        json.dumps({"names": ["/etc", "b"], "probabilities": [0.5, 0.5]}),
        json.dumps({"names": [1, 2], "probabilities": [0.5, 0.5]}),
        json.dumps({"names": "ab", "probabilities": ["x", 0.5]}),
        '{"names": ["a", "b"], "probabilities": [NaN, 1]}',
    ],
)
def test_a_damaged_or_malicious_file_is_refused(tmp_path, content):
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(UserError):
        read_classes(tmp_path / "classes.json")


DIVIDED = Classes(("cat", "dog"), (0.6, 0.4), ((0.5, 0.5), (0.2, 0.3, 0.5)))


def test_the_class_input_has_one_element_per_cluster():
    assert DIVIDED.input_probabilities == pytest.approx((0.3, 0.3, 0.08, 0.12, 0.2))
    assert [list(DIVIDED.inputs_of(label)) for label in range(2)] == [[0, 1], [2, 3, 4]]
    assert DIVIDED.input_names[1:3] == ("cat, cluster 1", "dog, cluster 0")
    assert DIVIDED.one_hot([3]).tolist() == [[0, 0, 0, 1, 0]]
    assert [DIVIDED.largest(label) for label in range(2)] == [0, 4]
    assert THREE.input_probabilities == THREE.probabilities
    assert THREE.input_names == THREE.names
    assert [THREE.input_for(seed, 1) for seed in range(3)] == [1, 1, 1]


def test_over_consecutive_seeds_the_clusters_have_their_probabilities_whatever_the_class():
    for first in (0, 12_345, 2**62):
        seeds = range(first, first + 5000)
        inputs = [DIVIDED.input_for(seed, label) for seed, label in zip(seeds, DIVIDED.labels_for(seeds), strict=True)]
        np.testing.assert_allclose(np.bincount(inputs) / 5000, DIVIDED.input_probabilities, atol=0.004)
        of_one_class = np.bincount([DIVIDED.input_for(seed, 1) - 2 for seed in seeds])
        np.testing.assert_allclose(of_one_class / 5000, (0.2, 0.3, 0.5), atol=0.004)


def test_dividing_classes_numbers_the_clusters_class_by_class():
    classes = Classes(("a", "b"), (0.5, 0.5))
    labels, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 0, 2]) * np.array([1, 1, 1, 1, 1, 0.5])
    divided, inputs = divide_classes(classes, labels, clusters.astype(int))
    assert divided == Classes(("a", "b"), (0.5, 0.5), ((1 / 3, 2 / 3), (2 / 3, 1 / 3)))
    assert inputs.tolist() == [0, 1, 1, 2, 2, 3]


def test_images_without_labels_become_a_single_class_that_is_no_choice():
    divided, inputs = divide_classes(None, None, np.array([0, 1, 2, 1]))
    assert divided == Classes(("all",), (1.0,), ((0.25, 0.5, 0.25),))
    assert inputs.tolist() == [0, 1, 2, 1]
    assert not divided.labeled
    assert THREE.labeled


def test_classes_of_one_cluster_each_are_not_divided():
    labels = np.array([0, 1])
    assert divide_classes(THREE, labels, np.zeros(2, int)) == (THREE, labels)
    assert divide_classes(None, None, np.zeros(2, int)) == (None, None)


def test_clusters_are_written_and_read(tmp_path):
    for classes in (DIVIDED, Classes(("all",), (1.0,), ((0.25, 0.75),))):
        write_classes(classes, tmp_path / "classes.json")
        assert read_classes(tmp_path / "classes.json") == classes


@pytest.mark.parametrize(
    "clusters", [[[1.0]], [[0.5, 0.6], [1.0]], [[0.5, 0.5], [0.0, 1.0]], [[], [1.0]], "ab", [1, 2]]
)
def test_damaged_clusters_are_refused(tmp_path, clusters):
    content = {"names": ["cat", "dog"], "probabilities": [0.6, 0.4], "clusters": clusters}
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"damaged|can't be read"):
        read_classes(tmp_path / "classes.json")
