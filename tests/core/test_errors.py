"""The exception for mistakes of the user, and suggestions for mistyped names."""

from dcgan.core.errors import UserError, did_you_mean


def test_a_user_error_prints_its_problem_and_its_hint():
    assert str(UserError("No such file.", "Choose another --out.")) == "No such file.\nChoose another `out`."
    assert str(UserError("No such file.")) == "No such file."


def test_a_mistyped_name_is_answered_with_the_most_similar_one():
    assert did_you_mean("TRANSLATOIN", ["color", "translation"]) == "; did you mean translation?"
    assert did_you_mean("xyz", ["color", "translation"]) == "."
