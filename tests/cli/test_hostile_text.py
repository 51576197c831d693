"""Names and values from runs and datasets steer no terminal and are no code in shell lines, Markdown and Python."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tqdm import tqdm

from dcgan.cli.main import main
from dcgan.cli.terminal import EscapedStream
from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.networks import build_generator
from dcgan.runs import Run
from tests.support.tiny_runs import make_images

NAME = "\x1b[2J\x1b]0;title\a \x9b31m \u202egnp.exe\u2066 $(touch pwned) `x` \"'; |<b>"
"""Clear the screen, set the title, ring, color, turn the direction; a shell command; markup."""

CONTROL = set("\x1b\a\r\b\x9b\u202e\u2066")


def assert_harmless(printed):
    assert not CONTROL & set(printed)
    assert r"\x1b[2J" in printed
    assert r"\u202egnp.exe\u2066" in printed


def run_named(name, classes=None, **options):
    run = Run(Path("checkpoints") / name)
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=len(classes or ())))
    run.config_file.write_text(to_yaml(TrainConfig(image_size=8, **options)))
    if classes:
        run.save_classes(Classes(tuple(classes), tuple(1 / len(classes) for _ in classes)))
    return run


@pytest.mark.slow
def test_the_name_of_a_run_is_shown_with_escapes_by_every_command(capsys):
    run = run_named(NAME)
    for command in ["generate", "export --format npz", "evaluate", "explain"]:
        main([*command.split(), "--run-dir", str(run.path)])
        printed = capsys.readouterr()
        assert_harmless(printed.out + printed.err)


def test_training_shows_names_with_escapes_and_shell_lines_that_can_be_pasted(capsys):
    make_images(Path("images")).rename(NAME)
    run_dir = Path("runs", NAME)
    options = "--image-size 8 --batch-size 4 --steps 1 --compile none --generator-width 4 --discriminator-width 4"
    paths = ["--data-dir", NAME, "--run-dir", str(run_dir)]
    assert main(["train", "--dataset", "folder", *options.split(), *paths]) == 0
    printed = capsys.readouterr()
    assert_harmless(printed.out + printed.err)
    line = next(line for line in printed.out.splitlines() if line.startswith("Generate new images: "))
    words = shlex.split(line.removeprefix("Generate new images: "))
    assert words[:4] == ["python", "-m", "dcgan", "generate"]
    assert words[4:] == ["--run-dir", printable(str(run_dir))]


def test_a_line_break_in_a_name_makes_no_second_line(capsys):
    name = "run\nerror: your disk is full"
    assert main(["generate", "--run-dir", name]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(r"error: --run-dir has a line break: 'run\nerror: your disk is full'.")
    run_named(name)
    assert main(["generate"]) == 2  # the newest run
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        r"error: The name of checkpoints/run\nerror: your disk is full has a line break.",
        "Rename the folder.",
    ]
    with pytest.raises(UserError, match="`data_dir` has a line break"):
        TrainConfig(data_dir="a\rb")


def test_an_error_of_the_system_has_escapes_and_one_line_of_advice(monkeypatch, capsys):
    def fail(options):
        Path(f"{NAME}\nerror: nothing").read_bytes()

    monkeypatch.setattr("dcgan.data.prepare", fail)
    assert main(["prepare"]) == 2
    printed = capsys.readouterr().err
    assert_harmless(printed)
    assert len(printed.splitlines()) == 2


def test_an_error_is_one_line_with_escapes_for_users_of_the_package_too():
    error = UserError(f"There is no {NAME}\n.", "Rename\tit.")
    assert_harmless(str(error))
    assert error.problem.endswith(r"\n.")
    assert error.hint == r"Rename\tit."


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "\u202eb", "a\\b"])
def test_class_names_with_control_characters_are_refused_from_a_run_and_from_a_dataset(name, capsys):
    run = run_named("run", ["a", name])
    assert main(["generate", "--run-dir", str(run.path), "--num", "2"]) == 2
    assert "is damaged" in capsys.readouterr().err
    for folder in ("images/a", f"images/{name}"):
        Path(folder).mkdir(parents=True)
        Image.new("L", (8, 8)).save(Path(folder, "1.png"))
    assert main(["prepare", "--dataset", "folder", "--image-size", "8", "--data-dir", "images"]) == 2
    printed = capsys.readouterr().err
    assert "has a slash, a backslash or control characters" in printed
    assert not CONTROL & set(printed)


def test_skipped_files_are_named_in_one_line_with_escapes(capsys):
    Path("images").mkdir()
    for index in range(20):
        Image.new("L", (8, 8), index).save(f"images/{index}.png")
    Path("images", "\x1b[2J\nSkipped: nothing.png").write_bytes(b"none")
    assert main(["prepare", "--dataset", "folder", "--image-size", "8", "--data-dir", "images"]) == 0
    printed = capsys.readouterr()
    assert r"\x1b[2J\nSkipped: nothing.png" in printed.out
    assert not CONTROL & set(printed.out + printed.err)


def test_a_model_card_has_no_markup_of_a_runs_names(capsys):
    run = run_named("`run`<script>", ["a`b", "``", "[x](y)", "<img>"], attribute="````<script>")
    run.best_report.write_text('{"step": 3, "<img src=x>|fake | 0": 1.0}')
    run.best_file.write_bytes(run.generator_file.read_bytes())
    out = Path('"); import os; (".npz')
    assert main(["export", "--run-dir", str(run.path), "--format", "npz", "--out", str(out)]) == 0
    card = Path(f"{out}.md").read_text(encoding="utf-8")
    assert "Run `` `run`<script> ``" in card
    assert "`` a`b ``, ``` `` ```, `[x](y)`, `<img>`." in card
    assert r"| \<img src=x\>\|fake \| 0 | 1 |" in card
    assert yaml.safe_load(card.split("`````yaml\n")[1].split("\n`````\n")[0])["attribute"] == "````<script>"
    code = card.split("```python\n")[1].split("```")[0]
    (load,) = (line for line in code.splitlines() if line.startswith("generator = load("))
    assert eval(load.removeprefix("generator = "), {"load": str}) == str(out)


def test_dollar_signs_in_names_are_no_formulas_in_figures():
    from dcgan.visualization.plots import encode_progress

    encode_progress([], title="$x_{")


def test_progress_bars_move_the_cursor_and_their_text_does_not():
    written = io.StringIO()
    stream = EscapedStream(written)
    with tqdm(total=2, desc=NAME, file=stream, position=1) as bar:
        bar.update()
        bar.write(NAME, file=stream)
    text = written.getvalue()
    assert "\r" in text
    assert "\x1b[A" in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    stream.write("\b\b\r\x1b[1m1/2\x1b[0m \x1b[32m--\x1b[0m")  # as Keras does in downloads
    assert written.getvalue().endswith("\b\b\r\x1b[1m1/2\x1b[0m \x1b[32m--\x1b[0m")


def test_other_text_is_printed_as_it_is():
    for text in ("café, 数字", "👨‍👩‍👧", "\tindented\nlines\n"):
        written = io.StringIO()
        EscapedStream(written).write(text)
        assert written.getvalue() == text


def test_a_traceback_is_shown_with_escapes():
    code = (
        "import dcgan.cli.main as m, dcgan.data as d\n"
        "def fail(options): raise RuntimeError('\\x1b[2J')\n"
        "d.prepare = fail\n"
        "m.main(['prepare'])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert "\x1b" not in result.stderr
    assert result.stderr.endswith("RuntimeError: \\x1b[2J\n")
