"""The size rule: image = base · 2**stages with a base of 4 to 7 pixels on the shorter side."""

import pytest

from dcgan.core.errors import UserError
from dcgan.core.sizes import base_size, format_shape, format_size, num_stages, parse_size


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
def test_a_size_that_breaks_the_rule_is_refused_and_the_nearest_is_named(size, nearest):
    with pytest.raises(UserError, match=rf"the nearest is {nearest}\."):
        num_stages(size)


def test_the_size_named_as_nearest_follows_the_rule():
    for height in range(1, 200, 7):
        for width in range(1, 200, 11):
            try:
                num_stages((height, width))
            except UserError as error:
                nearest = parse_size(error.hint.rsplit(" ", 1)[1].rstrip("."))
                assert 4 <= min(base_size(nearest)) <= 7
                assert tuple(side << num_stages(nearest) for side in base_size(nearest)) == nearest


@pytest.mark.parametrize(
    ("text", "size"), [("64", (64, 64)), (64, (64, 64)), ("96x64", (96, 64)), (" 96 X 64 ", (96, 64))]
)
def test_a_size_is_parsed(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "64x", "-64", "6.4", "64x64x3", "999999", "0"])
def test_an_invalid_size_is_a_user_error(text):
    with pytest.raises(UserError):
        parse_size(text)


@pytest.mark.parametrize("text", ["64", "96x64", "64x96"])
def test_a_size_is_formatted_as_it_is_parsed(text):
    assert format_size(parse_size(text)) == text


def test_a_shape_is_formatted_with_all_its_dimensions():
    assert format_shape((28, 28, 1)) == "28x28x1"
    assert format_shape((64, 64)) == "64x64"
