"""The size rule: image = base · 2**stages with a base of 4 to 7 pixels on the shorter side."""

import pytest

from dcgan.core.errors import UserError
from dcgan.core.sizes import base_size, num_stages, parse_size


@pytest.mark.parametrize(
    ("size", "stages", "base"),
    [
        ((28, 28), 2, (7, 7)),
        ((32, 32), 3, (4, 4)),
        ((64, 64), 4, (4, 4)),
        ((96, 64), 4, (6, 4)),
        ((64, 96), 4, (4, 6)),
        ((224, 224), 5, (7, 7)),
        ((8, 8), 1, (4, 4)),
        ((1024, 1024), 8, (4, 4)),
    ],
)
def test_every_size_of_the_rule_has_one_base_and_one_number_of_stages(size, stages, base):
    assert num_stages(size) == stages
    assert base_size(size) == base


@pytest.mark.parametrize("base", [4, 5, 6, 7])
@pytest.mark.parametrize("stages", [1, 2, 3, 6])
def test_base_times_a_power_of_two_is_always_a_size(base, stages):
    assert num_stages((base << stages, base << stages)) == stages


@pytest.mark.parametrize(
    ("size", "nearest"),
    [((30, 30), "28"), ((100, 100), "96"), ((3, 3), "8"), ((97, 64), "96x64"), ((64, 33), "64x32"), ((7, 7), "8")],
)
def test_a_size_off_the_rule_is_refused_and_the_nearest_is_named(size, nearest):
    with pytest.raises(UserError, match=rf"the nearest is {nearest}\."):
        num_stages(size)


def test_the_size_named_as_nearest_is_one_itself():
    for height in range(1, 200, 7):
        for width in range(1, 200, 11):
            try:
                num_stages((height, width))
            except UserError as error:
                nearest = error.hint.rsplit(" ", 1)[1].rstrip(".")
                parse_size(nearest)


@pytest.mark.parametrize(
    ("text", "size"), [("64", (64, 64)), (64, (64, 64)), ("96x64", (96, 64)), (" 96 X 64 ", (96, 64))]
)
def test_a_size_is_read_as_a_person_writes_it(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "64x", "-64", "6.4", "64x64x3", "999999", "0"])
def test_what_is_no_size_is_a_mistake_of_the_users(text):
    with pytest.raises(UserError):
        parse_size(text)
