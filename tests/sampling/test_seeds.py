"""Lists of seeds and their text form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.core.errors import UserError
from dcgan.sampling import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("7", [7]),
        ("0-3", [0, 1, 2, 3]),
        ("3,5,9-12", [3, 5, 9, 10, 11, 12]),
        (" 3 , 5 - 6 ", [3, 5, 6]),
        ("5,3,5,5-6", [5, 3, 5, 5, 6]),
        ("4-4", [4]),
        ("007", [7]),
        ("9223372036854775807", [2**63 - 1]),
    ],
)
def test_order_and_repetitions_are_kept(text, seeds):
    assert list(parse_seeds(text)) == seeds


@pytest.mark.parametrize("text", ["", "a", "-3", "3-", "1,,2", "1-2-3", "1.5", "1e3", "٣", "0x10", "1 2", "3,"])
def test_other_texts_are_rejected_with_an_example(text):
    with pytest.raises(UserError, match="neither a seed nor a range") as caught:
        parse_seeds(text)
    assert "0-63" in caught.value.hint


def test_a_descending_range_is_rejected_with_the_ascending_one():
    with pytest.raises(UserError, match="12-9 is descending") as caught:
        parse_seeds("1,12-9")
    assert "9-12" in caught.value.hint


@pytest.mark.parametrize("text", ["9223372036854775808", "0-9223372036854775808", "1" + "0" * 9999])
def test_a_seed_above_63_bits_is_rejected(text):
    with pytest.raises(UserError, match="too large"):
        parse_seeds(text)


def test_more_seeds_than_can_be_counted_are_rejected():
    with pytest.raises(UserError, match="can count"):
        parse_seeds("0-9223372036854775807")


def test_a_trillion_seeds_take_no_memory():
    seeds = parse_seeds("5,0-999999999999")
    assert len(seeds) == 10**12 + 1
    assert (seeds[0], seeds[1], seeds[-1], seeds[10**11]) == (5, 0, 10**12 - 1, 10**11 - 1)
    assert 10**12 > next(reversed(seeds)) == 10**12 - 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=6))
def test_seeds_behave_like_a_list(parts):
    expected = [seed for first, more in parts for seed in range(first, first + more + 1)]
    seeds = parse_seeds(",".join(f"{first}-{first + more}" for first, more in parts))
    assert list(seeds) == expected
    assert [seeds[i] for i in range(-len(expected), len(expected))] == expected * 2
    assert seeds[1:-1:2] == expected[1:-1:2]
    assert list(parse_seeds(str(seeds))) == expected
    assert repr(seeds) == f"Seeds({seeds})"
    with pytest.raises(IndexError):
        seeds[len(expected)]
