from dcgan.core.devices import describe_devices
from dcgan.core.wording import counted, join_words


def test_a_noun_is_in_the_plural_unless_there_is_one():
    assert [counted(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [counted(count, "class") for count in (1, 2)] == ["1 class", "2 classes"]


def test_words_are_joined_as_in_a_sentence():
    assert [join_words(words) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_one_core_is_no_plural(monkeypatch):
    monkeypatch.setattr("dcgan.core.devices.count_cores", lambda: 1)
    monkeypatch.setattr("dcgan.core.devices.visible_gpus", list)
    assert describe_devices().startswith("CPU, 1 core, ")
