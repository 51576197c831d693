"""Seeds as a person writes them."""

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
def test_order_and_repeats_are_kept(text, seeds):
    assert list(parse_seeds(text)) == seeds


@pytest.mark.parametrize("text", ["", "a", "-3", "3-", "1,,2", "1-2-3", "1.5", "1e3", "٣", "0x10", "1 2", "3,"])
def test_nonsense_is_refused_and_the_hint_shows_how(text):
    with pytest.raises(UserError, match="neither a seed nor a range") as caught:
        parse_seeds(text)
    assert "0-63" in caught.value.hint


def test_a_range_that_runs_backwards_is_refused_and_turned_round_in_the_hint():
    with pytest.raises(UserError, match="12-9 run backwards") as caught:
        parse_seeds("1,12-9")
    assert "9-12" in caught.value.hint


@pytest.mark.parametrize("text", ["9223372036854775808", "0-9223372036854775808", "1" + "0" * 9999])
def test_a_seed_above_63_bits_is_refused(text):
    with pytest.raises(UserError, match="too large"):
        parse_seeds(text)


def test_more_seeds_than_can_be_counted_are_refused():
    with pytest.raises(UserError, match="can count"):
        parse_seeds("0-9223372036854775807")


def test_a_million_million_seeds_take_no_room():
    seeds = parse_seeds("5,0-999999999999")
    assert len(seeds) == 10**12 + 1
    assert (seeds[0], seeds[1], seeds[-1], seeds[10**11]) == (5, 0, 10**12 - 1, 10**11 - 1)
    assert 10**12 > next(reversed(seeds)) == 10**12 - 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=6))
def test_seeds_behave_as_the_list_of_them(parts):
    meant = [seed for first, more in parts for seed in range(first, first + more + 1)]
    seeds = parse_seeds(",".join(f"{first}-{first + more}" for first, more in parts))
    assert list(seeds) == meant
    assert [seeds[i] for i in range(-len(meant), len(meant))] == meant * 2
    assert seeds[1:-1:2] == meant[1:-1:2]
    assert list(parse_seeds(str(seeds))) == meant
    assert repr(seeds) == f"Seeds({seeds})"
    with pytest.raises(IndexError):
        seeds[len(meant)]
