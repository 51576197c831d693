"""New runs that begin with the weights of other runs."""

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dcgan import TrainConfig, train
from dcgan.cli.main import main
from dcgan.config import ExportConfig
from dcgan.config.parser import parse
from dcgan.core import devices
from dcgan.core.errors import UserError
from dcgan.export import export
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.fused_upsampling import fuse_kernel
from dcgan.networks.layers import TRAINING_LAYERS
from dcgan.runs import Run
from dcgan.training import health, loop, schedule
from dcgan.training.initialization import Source, match_discriminator, match_generator, unfuse_kernel
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import make_images, tiny_config
from tests.support.workers import distance, finish

pytestmark = pytest.mark.usefixtures("command_line")

SMALL = {"width": 3, "kernel": 4}


def class_folders(folder: Path, names: str, count: int = 6, channels: int = 3) -> Path:
    """Write images of noise in class folders."""
    random = np.random.default_rng(len(names))
    for name in names:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 256, (8, 8, 3)[: 2 if channels == 1 else 3], dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture
def config(tmp_path):
    """A run of two classes, a and b, that has been trained."""
    options = {"image_size": "16", "clusters": 0, "upsampling": "transposed"}
    config = tiny_config(tmp_path, data_dir=class_folders(tmp_path / "ab", "ab"), **options)
    train(config)
    return config


def begun_from(config, **options):
    """The options of a new run that begins with the weights of a run."""
    changed = {"run_dir": config.run_dir.with_name("new"), "init_from": str(config.run_dir), "steps": 2}
    changed["init_scale"] = "keep"
    return replace(config, **{**changed, **options})


def first_weights(config, **options):
    """Return the first checkpoint of a new run that begins with the weights of a run."""
    return train(begun_from(config, **options)).checkpoints.at(0)


def rms(array):
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def weights_of(checkpoint, network):
    return {name: array for name, array in checkpoint.items() if name.startswith(f"{network}/")}


def source_of(generator, discriminator=None, names=()):
    return Source(Run("source"), "ema", generator, discriminator, tuple(names))


def by_name(network):
    return {f"{network.name}/{w.path.removeprefix(f'{network.name}/')}": np.asarray(w) for w in network.weights}


def test_networks_of_the_same_shape_begin_with_the_same_weights_and_new_optimizers(config, capsys):
    theirs = Run(config.run_dir).checkpoints.latest()
    capsys.readouterr()
    ours = first_weights(config, seed=5, generator_lr=1e-4)
    expected = Run(config.run_dir).load_generator("ema")
    for network in (ours_of := weights_of(ours, "generator")), weights_of(ours, "ema_generator"):
        for layer in expected.layers:
            for weight in layer.trainable_weights:
                name = weight.path.removeprefix("generator/")
                prefix = "generator/" if network is ours_of else "ema_generator/"
                np.testing.assert_array_equal(network[prefix + name], np.asarray(weight))
    for name, array in weights_of(theirs, "discriminator").items():
        np.testing.assert_array_equal(ours[name], array)
    for network in ("generator", "discriminator"):
        states = weights_of(ours, f"{network}_optimizer")
        rate = states.pop(f"{network}_optimizer/learning_rate")
        assert rate == np.float32(1e-4 if network == "generator" else config.discriminator_lr)
        assert states
        assert not any(array.any() for array in states.values())
        assert any(array.any() for array in weights_of(theirs, f"{network}_optimizer").values())
    assert ours["steps_done"] == 0
    assert re.search(
        r"Initial weights: (\d+) of \1 arrays from .* \(generator: EMA weights\)\.", capsys.readouterr().out
    )


@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear", "subpixel", "unpool"])
def test_raw_weights_begin_where_the_generator_was_with_every_upsampling(tmp_path, upsampling):
    config = tiny_config(tmp_path, upsampling=upsampling, discriminator_hidden=0, steps=2)
    train(config)
    theirs = Run(config.run_dir).checkpoints.latest()
    ours = first_weights(config, init_weights="raw", seed=1)
    for name in weights_of(theirs, "generator"):
        if "moving" not in name:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert not all(
        np.array_equal(theirs[f"ema_{name}"], array)
        for name, array in weights_of(ours, "generator").items()
        if f"ema_{name}" in theirs
    )


def test_the_ema_weights_of_a_fused_upsampling_are_split_into_the_kernel_that_is_trained(tmp_path):
    config = tiny_config(tmp_path, upsampling="nearest", steps=3)
    train(config)
    ours, saved = first_weights(config), Run(config.run_dir).load_generator("ema")
    for layer in ("up_0",):
        kernel = ours[f"generator/{layer}/kernel"]
        expected = np.asarray(saved.get_layer(layer).kernel)
        assert kernel.shape[0] == expected.shape[0] - 1
        np.testing.assert_allclose(fuse_kernel(kernel), expected, atol=1e-7)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_fused_kernel_has_an_inverse_and_others_have_none(size):
    random = np.random.default_rng(size)
    kernel = random.normal(size=(size, size, 3, 2)).astype(np.float32)
    fused = np.asarray(fuse_kernel(kernel))
    np.testing.assert_allclose(unfuse_kernel(fused), kernel, atol=1e-5)
    np.testing.assert_allclose(unfuse_kernel(fused.astype(np.float16)), kernel, atol=5e-3)
    assert unfuse_kernel(random.normal(size=fused.shape)) is None


def test_classes_of_the_same_name_keep_their_weights(config, tmp_path, capsys):
    theirs = Run(config.run_dir).checkpoints.latest()
    expected = Run(config.run_dir).load_generator("ema").get_layer("project_class").kernel.numpy()
    capsys.readouterr()
    ours = first_weights(config, data_dir=class_folders(tmp_path / "abc", "bca"))  # the classes are a, b, c
    fresh = Trainer(config, (16, 16), 3, class_probabilities=(0.3, 0.3, 0.4))
    rows = ours["generator/project_class/kernel"]
    np.testing.assert_array_equal(rows[:2], expected)
    np.testing.assert_array_equal(rows[2], fresh.generator.get_layer("project_class").kernel.numpy()[2])
    columns = ours["discriminator/class_embedding/kernel"]
    np.testing.assert_array_equal(columns[:, :2], theirs["discriminator/class_embedding/kernel"])
    assert columns.shape[1] == 3
    assert "the class input (2 → 3 classes, 2 of them keep their weights)" in capsys.readouterr().out


def test_a_subset_of_the_classes_keeps_its_weights_in_its_own_order(config, tmp_path):
    expected = Run(config.run_dir).load_generator("ema").get_layer("project_class").kernel.numpy()
    ours = first_weights(config, data_dir=class_folders(tmp_path / "sub", "bz"))
    np.testing.assert_array_equal(ours["generator/project_class/kernel"][0], expected[1])


def test_by_default_kernels_have_the_scale_of_new_ones(config, tmp_path, capsys):
    kept = first_weights(config, data_dir=class_folders(tmp_path / "abc", "bca"), freeze_d=1)  # the classes are a, b, c
    shutil.rmtree(config.run_dir.with_name("new"))
    capsys.readouterr()
    ours = first_weights(config, data_dir=tmp_path / "abc", init_scale="fresh", freeze_d=1)
    assert "kernels scaled as new ones (--init-scale keep leaves them)" in capsys.readouterr().out
    fresh = Trainer(config, (16, 16), 3, class_probabilities=(0.3, 0.3, 0.4)).checkpoint()
    added = {"project": "project_class", "logit": "class_embedding"}
    for name in (*weights_of(fresh, "generator"), *weights_of(fresh, "discriminator")):
        network, layer, weight = name.split("/")
        if layer == "down_0" or weight in ("gamma", "beta", "bias"):  # frozen, or no kernel
            np.testing.assert_array_equal(ours[name], kept[name])
        elif "moving" in weight:
            np.testing.assert_array_equal(ours[name], fresh[name])
        elif layer in added:
            partner = name.replace(layer, added[layer])
            axis = 0 if network == "generator" else 1
            known = [[array[name], np.take(array[partner], (0, 1), axis)] for array in (ours, kept, fresh)]
            new, old, _ = (np.concatenate([each.ravel() for each in pair]) for pair in known)
            np.testing.assert_allclose(new / old, np.median(new / old), rtol=1e-3)
            squares = [[rms(each) ** 2 for each in pair] for pair in (known[0], known[2])]
            assert np.sum(squares[0]) == pytest.approx(np.sum(squares[1]), rel=1e-4)
            assert np.array_equal(np.take(ours[partner], 2, axis), np.take(fresh[partner], 2, axis))
        elif layer not in added.values():
            assert rms(ours[name]) == pytest.approx(rms(fresh[name]), rel=1e-5)
            np.testing.assert_allclose(ours[name] * rms(kept[name]), kept[name] * rms(ours[name]), rtol=1e-4)
            assert rms(kept[name]) != pytest.approx(rms(fresh[name]), rel=1e-4)


def test_without_classes_the_latent_part_fits(config, tmp_path):
    expected = Run(config.run_dir).load_generator("ema")
    ours = first_weights(config, data_dir=make_images(tmp_path / "none"))
    np.testing.assert_array_equal(ours["generator/project/kernel"], expected.get_layer("project").kernel.numpy())
    assert not any("class" in name for name in ours)


@pytest.mark.parametrize(
    ("before", "after", "generator", "discriminator"),
    [
        # 28 = 7 · 2², 32 = 4 · 2³, 64 = 4 · 2⁴: a size with more stages has new ones beside the latent vector.
        ((28, 28), (32, 32), {"project", "norm_0", "up_0"}, {"down_2", "norm_2", "hidden", "norm_hidden", "logit"}),
        ((32, 32), (64, 64), {"project", "norm_0", "up_0"}, {"down_3", "norm_3", "hidden", "norm_hidden", "logit"}),
        ((64, 64), (32, 32), {"project"}, {"hidden", "norm_hidden", "logit"}),
        ((28, 28), (24, 24), {"project"}, {"hidden", "norm_hidden", "logit"}),
        ((32, 32), (32, 48), {"project"}, {"hidden", "norm_hidden", "logit"}),
        ((32, 32), (32, 32), set(), set()),
    ],
)
def test_another_size_keeps_the_layers_that_are_as_far_from_the_image(before, after, generator, discriminator):
    g, d = build_generator(before, 1, **SMALL, seed=1), build_discriminator(before, 1, **SMALL, seed=1, hidden=2)
    source = source_of(g, d)
    new_g, new_d = build_generator(after, 1, **SMALL), build_discriminator(after, 1, **SMALL, hidden=2)
    g_match, d_match = match_generator(new_g, source, ()), match_discriminator(new_d, source, ())
    assert (set(g_match.new), set(d_match.new)) == (generator, discriminator)
    shift = len([x for x in new_g.layers if "up_" in x.name]) - len([x for x in g.layers if "up_" in x.name])
    for name, array in g_match.arrays.items():
        layer = name.split("/")[1]
        stem, _, number = layer.rpartition("_")
        theirs = f"{stem}_{int(number) - shift}" if number.isdigit() else layer
        np.testing.assert_array_equal(array, by_name(g)[name.replace(layer, theirs)])
    for name, array in d_match.arrays.items():
        np.testing.assert_array_equal(array, by_name(d)[name])
    assert g_match.arrays.keys() | {n for n in by_name(new_g) if n.split("/")[1] in generator} == by_name(new_g).keys()


def test_other_channels_leave_only_the_layers_beside_the_image_new():
    source = source_of(build_generator((16, 16), 1, **SMALL), build_discriminator((16, 16), 1, **SMALL))
    new = build_generator((16, 16), 3, **SMALL), build_discriminator((16, 16), 3, **SMALL)
    assert match_generator(new[0], source, ()).new == ["up_1"]
    assert match_discriminator(new[1], source, ()).new == ["down_0"]


def test_a_kernel_is_not_taken_over_where_it_would_mean_something_else():
    def generator(upsampling):
        return build_generator((16, 16), 1, width=3, kernel=5, upsampling=upsampling, layers=TRAINING_LAYERS)

    def up_layers(match):
        return [name for name in match.new if name.startswith("up")]

    for method, other in (("bilinear", "unpool"), ("unpool", "bilinear"), ("nearest", "transposed")):
        assert up_layers(match_generator(generator(method), source_of(generator(other)), ())) == ["up_0", "up_1"]
    strided, pooled = (build_discriminator((16, 16), 1, 3, 5, downsampling=way) for way in ("strided", "maxpool"))
    match = match_discriminator(strided, source_of(generator("nearest"), pooled), ())
    assert match.new[:2] == ["down_0", "down_1"]


def test_a_kernel_learned_by_nearest_upsampling_serves_a_transposed_convolution():
    options = {"image_size": (16, 16), "channels": 1, "width": 3}
    fused = build_generator(**options, kernel=6, upsampling="nearest", seed=3)
    match = match_generator(build_generator(**options, kernel=6), source_of(fused), ())
    assert match.new == []
    np.testing.assert_array_equal(match.arrays["generator/up_0/kernel"], fused.get_layer("up_0").kernel.numpy())


def test_networks_without_a_common_layer_are_refused_with_the_options_that_fit(config):
    other = begun_from(config, kernel=6, generator_width=5, discriminator_width=7, latent_dim=3, discriminator_hidden=0)
    with pytest.raises(UserError, match="no layer fits") as error:
        train(other)
    options = re.search(r"that run's: (.*)\.", error.value.hint)[1]
    given = parse(TrainConfig, shlex.split(options), "train.py")
    names = [
        name for name in loop.inherit_networks(other).__dataclass_fields__ if f"--{name.replace('_', '-')}" in options
    ]
    assert len(names) == 8
    train(replace(other, **{name: getattr(given, name) for name in names}))


def test_options_of_the_networks_that_are_not_given_are_those_of_the_other_run(config):
    given = TrainConfig(
        dataset="folder",
        data_dir=config.data_dir,
        cache_dir=config.cache_dir,
        image_size="16",
        run_dir=config.run_dir.with_name("new"),
        init_from=str(config.run_dir),
        steps=2,
        batch_size=4,
        discriminator_hidden=2,
        compile="none",
        tensorboard=False,
    )
    assert given.resolve().generator_width != config.generator_width
    run = train(given)
    assert run.config().generator_width == config.generator_width
    assert run.config().upsampling == "transposed"
    assert run.config().discriminator_hidden == 2
    shutil.rmtree(config.run_dir)
    assert train(replace(given, steps=3)).checkpoints.latest_step() == 3


def test_a_run_without_a_discriminator_says_so(config, capsys):
    source = Run(config.run_dir)
    shutil.rmtree(source.checkpoints.folder)
    source.discriminator_file.unlink()
    fresh = Trainer(config, (16, 16), 3, class_probabilities=(0.5, 0.5)).checkpoint()
    ours = first_weights(config)
    for name, array in weights_of(fresh, "discriminator").items():
        np.testing.assert_array_equal(ours[name], array)
    assert f"the discriminator, which {config.run_dir} does not have" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"--freeze-d needs the discriminator"):
        train(begun_from(config, run_dir=config.run_dir.with_name("frozen"), freeze_d=1))
    with pytest.raises(UserError, match=r"no checkpoint with the raw weights") as error:
        train(begun_from(config, run_dir=config.run_dir.with_name("raw"), init_weights="raw"))
    assert "--init-weights ema" in error.value.hint


def test_the_discriminator_of_a_run_without_checkpoints_is_in_its_own_file(config):
    source = Run(config.run_dir)
    expected = weights_of(source.checkpoints.latest(), "discriminator")
    shutil.rmtree(source.checkpoints.folder)
    ours = first_weights(config)
    for name, array in expected.items():
        np.testing.assert_array_equal(ours[name], array)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_pretrained_run_is_named_from_python(tmp_path, name, capsys):
    run = train(
        TrainConfig(
            init_from=name,
            run_dir=tmp_path / "run",
            steps=1,
            batch_size=4,
            compile="none",
            tensorboard=False,
            cache_dir=tmp_path,
            health_checks=False,
        )
    )
    assert run.config().init_from == name
    arrays = {"mnist": "25 of 25", "fashion_mnist": "11 of 25"}[name]
    assert f"Initial weights: {arrays} arrays from {name} (generator: EMA weights)" in capsys.readouterr().out


def test_a_path_and_its_text_name_the_same_run(tmp_path):
    assert TrainConfig(init_from=Path("a/b")) == TrainConfig(init_from="a/b/") == TrainConfig(init_from="./a/b")
    assert TrainConfig(init_from="~/a").init_from == str(Path.home() / "a")


def test_what_can_not_be_meant_is_refused(config, tmp_path):
    with pytest.raises(UserError, match="--freeze-d needs --init-from"):
        replace(config, freeze_d=1)
    with pytest.raises(UserError, match="--init-weights needs --init-from"):
        replace(config, init_weights="raw")
    with pytest.raises(UserError, match="--init-scale needs --init-from"):
        replace(config, init_scale="keep")
    with pytest.raises(UserError, match="--init-from: There is no run directory"):
        train(begun_from(config, init_from=str(tmp_path / "absent")))
    with pytest.raises(UserError, match="more than the 3 layers of this discriminator"):
        train(begun_from(config, freeze_d=4))
    with pytest.raises(UserError, match="would freeze down_0"):
        train(begun_from(config, freeze_d=1, channels=1))
    shutil.rmtree(Run(config.run_dir).checkpoints.folder)
    with pytest.raises(UserError, match="is the run directory itself"):
        train(begun_from(config, run_dir=config.run_dir))


@pytest.mark.parametrize("compile_mode", ["none", "auto", "xla"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_frozen_layers_do_not_change_by_a_bit_and_all_others_do(tmp_path, compile_mode, norm):
    devices.configure_tensorflow(0)
    options = {"image_size": "16", "discriminator_norm": norm, "compile": compile_mode, "init_from": "x"}
    trainer = Trainer(tiny_config(tmp_path, **options, freeze_d=2), (16, 16), 3)
    images = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    before = trainer.checkpoint()
    trainer.train_steps(trainer.batches(images, 3), tf.constant(3))
    after = trainer.checkpoint()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    frozen = {
        name for name in weights_of(before, "discriminator") if name.split("/")[1] in ("down_0", "down_1", "norm_1")
    }
    assert len(frozen) == (6 if norm == "batch" else 4)
    assert not changed & frozen
    for network in ("generator", "discriminator"):
        assert weights_of(before, network).keys() - frozen <= changed
    assert not any("down_0" in name or "down_1" in name for name in weights_of(before, "discriminator_optimizer"))


def test_a_frozen_batch_norm_is_a_function_of_each_image_alone(tmp_path):
    for mode in ("none", "auto", "xla"):
        config = tiny_config(tmp_path, image_size="16", compile=mode, init_from="x", freeze_d=2)
        network = Trainer(config, (16, 16), 3).discriminator
        features = keras.Model(network.input, network.get_layer("norm_1").output)
        images = tf.constant(np.random.default_rng(0).normal(size=(4, 16, 16, 3)), tf.float32)
        together, alone = features(images, training=True), features(images[:2], training=True)
        np.testing.assert_allclose(together[:2], alone, atol=1e-6)


def test_frozen_layers_stay_those_of_the_other_run_while_it_trains_stops_and_resumes(config):
    theirs = Run(config.run_dir).checkpoints.latest()
    options = begun_from(config, freeze_d=1, steps=2)
    train(options)
    latest = train(replace(options, steps=5)).checkpoints.latest()
    name = "discriminator/down_0/kernel"
    np.testing.assert_array_equal(latest[name], theirs[name])
    assert not np.array_equal(latest["discriminator/hidden/kernel"], theirs["discriminator/hidden/kernel"])


def equal_runs(ours, theirs):
    """Whether two runs end with the same checkpoints and the same generator."""
    a, b = ours.checkpoints.latest(), theirs.checkpoints.latest()
    same = a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
    return same and ours.generator_file.read_bytes() == theirs.generator_file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"freeze_d": 2}, {"health_checks": False}, {"compile": "auto"}])
def test_a_resumed_run_equals_an_uninterrupted_one_and_does_not_need_the_other_run(config, options):
    whole = train(begun_from(config, steps=6, **options))
    resumed = begun_from(config, steps=3, **options, run_dir=config.run_dir.with_name("resumed"))
    train(resumed)
    assert resumed.save_every == 2  # it stops between two checkpoints
    shutil.rmtree(config.run_dir)
    assert equal_runs(train(replace(resumed, steps=6)), whole)


def test_the_first_checkpoint_is_enough_to_begin_with(config, monkeypatch):
    whole = train(begun_from(config, steps=3))
    killed = begun_from(config, steps=3, run_dir=config.run_dir.with_name("killed"))

    class Killed(Exception):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "train_steps", die)
        with pytest.raises(Killed):
            train(killed)
    assert Run(killed.run_dir).checkpoints.steps() == [0]
    shutil.rmtree(config.run_dir)
    assert equal_runs(train(killed), whole)


def test_a_run_killed_before_its_first_checkpoint_begins_again_with_the_other_run(config, monkeypatch):
    whole = train(begun_from(config, steps=3))
    killed = begun_from(config, steps=3, run_dir=config.run_dir.with_name("killed"))

    class Killed(Exception):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(loop, "save_checkpoint", die)
        with pytest.raises(Killed):
            train(killed)
    assert not Run(killed.run_dir).checkpoints.exist()
    assert Run(killed.run_dir).config_file.exists()
    assert equal_runs(train(killed), whole)


@pytest.mark.slow
def test_a_rollback_to_the_beginning_returns_to_the_other_runs_weights_also_when_that_run_is_gone(config, monkeypatch):
    monkeypatch.setattr(schedule, "DIVERSITY_CHECK_INTERVAL", 1)
    monkeypatch.setattr(health, "GRACE_STEPS", 3)
    options = begun_from(config, steps=8, save_every=1, keep_checkpoints=1)
    values = iter([*[0.0] * 6, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    whole = train(options)
    assert [event["rolled_back_to"] for event in whole.health_events()] == [0]
    values = iter([*[0.0] * 6, *[1.0] * 100])
    stopped = replace(options, run_dir=config.run_dir.with_name("stopped"), steps=4)
    train(stopped)
    shutil.rmtree(config.run_dir)
    resumed = train(replace(stopped, steps=8))
    assert [event["rolled_back_to"] for event in resumed.health_events()] == [0]
    assert equal_runs(resumed, whole)
    assert resumed.checkpoints.steps() == [8, 7, 0]


def test_a_lost_first_checkpoint_is_named_when_a_rollback_needs_it(config, monkeypatch):
    monkeypatch.setattr(schedule, "DIVERSITY_CHECK_INTERVAL", 1)
    monkeypatch.setattr(health, "GRACE_STEPS", 3)
    values = iter([0.0] * 6)
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    options = begun_from(config, steps=4, save_every=1)
    run = train(options)
    run.checkpoints.file(0).unlink()
    with pytest.raises(UserError, match=r"step-00000000.npz is missing or damaged"):
        train(replace(options, steps=8))


def command_in(error):
    """Return the arguments of the command that an error names."""
    line = re.search(r"To continue its weights in a new run: `python -m dcgan (.*)`$", error.value.hint)
    return shlex.split(line[1])


@pytest.mark.parametrize("change", ["options", "images"])
def test_a_run_that_can_not_be_resumed_is_continued_by_the_command_that_the_error_names(tmp_path, change, capsys):
    folder = tmp_path / "it's mine"
    decided = {"augment": "none", "adaptive_augment": False, "precision": "float32"}
    config = tiny_config(folder, clusters=0, **decided)
    run = train(config)
    if change == "options":
        config = replace(config, seed=3, generator_lr=1e-4)
    else:
        make_images(config.data_dir, count=20)
    with pytest.raises(UserError, match=r"another config: .*seed is 0, now 3|The images are not those") as error:
        train(config)
    capsys.readouterr()
    main(command_in(error))
    new = Run(folder / "run-2")
    changed = {"run_dir": new.path, "init_from": str(run.path), "init_scale": "keep", "channels": 3}
    assert new.config() == replace(config, **changed)
    assert new.checkpoints.latest()["steps_done"] == config.steps
    assert f" arrays from {run.path} (generator: EMA weights)." in capsys.readouterr().out


def test_the_command_for_a_pretrained_run_names_a_new_folder(tmp_path):
    published = tmp_path / "published"
    train(tiny_config(tmp_path, run_dir=published, clusters=0))
    shutil.rmtree(Run(published).checkpoints.folder)
    Run(published).model_card_file.write_text("# A generator")
    with pytest.raises(UserError, match="has a pretrained generator") as error:
        train(tiny_config(tmp_path, run_dir=published, clusters=0))
    main(command_in(error))
    assert Run(tmp_path / "published-2").config().init_from == str(published)


@pytest.mark.slow
def test_every_replica_begins_with_the_same_weights(config, start):
    options = begun_from(config, steps=10, freeze_d=1, batch_size=8, save_every=5)
    alone = train(options)
    shared = replace(options, strategy="mirrored", run_dir=config.run_dir.with_name("two"))
    codes, outputs = finish([start(shared, "tests/support/replicas.py", "2")])
    assert codes == [0], outputs
    assert distance(Run(shared.run_dir), alone) < 2e-4
    first, expected = (Run(c.run_dir).checkpoints.at(0) for c in (shared, options))
    assert all(np.array_equal(first[name], expected[name]) for name in expected if "fingerprint" not in name)


def test_a_run_of_a_repository_gives_the_same_initial_weights_as_its_folder(config, hub, capsys):
    hub.add("ann/letters", export(ExportConfig(run_dir=config.run_dir, format="hub", out=Path("folder"))))
    first = {}
    for source in (str(config.run_dir), "hf://ann/letters"):
        run = train(begun_from(config, run_dir=Path(f"from-{len(first)}"), init_from=source))
        with np.load(run.path / "checkpoints" / "step-00000000.npz") as arrays:
            first[source] = {name: arrays[name] for name in arrays if name.startswith(("generator/", "discriminator/"))}
    assert "arrays from hf://ann/letters" in capsys.readouterr().out
    expected, downloaded = first.values()
    assert expected.keys() == downloaded.keys()
    assert any("logit" in name for name in expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(array, downloaded[name], err_msg=name)
    assert run.config().init_from == "hf://ann/letters"
