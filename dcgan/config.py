"""One frozen dataclass a command: every option, its default and its reason.

The command line, `--help`, `--print_config`, the run's `config.yaml` and the validation are all derived from
these classes (see `dcgan.cli`). A field's help text is its entry under `Args`.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, restricted_number_type

from dcgan.sizes import parse_size

KernelSize = restricted_number_type("KernelSize", int, (">=", 2))
"""At stride 2 a kernel of side 1 would leave three pixels of four empty."""

Count = restricted_number_type("Count", int, [(">=", 1), ("<", 2**31)])
Finite = restricted_number_type("Finite", float, [(">", 0), ("<", float("inf"))])
Decay = restricted_number_type("Decay", float, [(">=", 0), ("<", 1)])
"""Adam divides by 1 - beta_1."""
WalkSteps = restricted_number_type("WalkSteps", int, [(">=", 2), ("<=", 1000)])
PerMap = restricted_number_type("PerMap", int, [(">=", 1), ("<=", 100)])
FramesPerSecond = restricted_number_type("FramesPerSecond", float, [(">=", 0.01), ("<=", 1000)])

DATASETS = ("mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "celeba", "folder")

AUGMENTATIONS = ("colour", "translation", "cutout")

SMALL = ("mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10")
"""Data sets of images of 28 or 32 pixels, unless they are enlarged."""

RECIPES = {
    # What measured best a minute on two cores; benchmarks/README.md has the study.
    "default": {
        "batch_size": 64,
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "beta_1": 0.5,
        # Late in a training, lower rates come nearer to the data; early, they let the discriminator win.
        "decay_after": 10_000,
        # A window of a ninth of the steps so far (see `Trainer._follow`), and of 10,000 in the end.
        "ema_decay": 0.9999,
        # A generator of 64 filters draws better after the same time than one of 32. A discriminator of 64 judges no
        # better than one of 32, and makes a step half as long again.
        "latent_dim": 64,
        "generator_width": 64,
        "discriminator_width": 32,
    },
    # Radford et al. 2016, section 4: batches of 128, Adam at 2e-4 with β₁ 0.5 (1e-3 and 0.9 were unstable there), no
    # labels, no average of weights. 64 filters make the sizes everyone compares with: 3,576,704 and 2,765,568 weights
    # at 64x64x3.
    "paper": {
        "conditional": False,
        "batch_size": 128,
        "generator_lr": 2e-4,
        "discriminator_lr": 2e-4,
        "beta_1": 0.5,
        "decay_after": None,
        "ema_decay": 0.0,
        "latent_dim": 100,
        "generator_width": 64,
        "discriminator_width": 64,
    },
}
"""What the options of `TrainConfig` are where they are not given, by the recipe's name."""

_LARGE = {"latent_dim": 100, "discriminator_width": 64}
"""What the default recipe has for `celeba` and `folder` instead."""


def option(default: Any, group: str, *, changes_result: bool = True) -> Any:
    """A field with what the command line and the run directory want to know of it.

    Args:
        default: the field's default.
        group: the heading it stands under in `--help`.
        changes_result: whether two runs that differ in it alone end with different weights.
    """
    return field(default=default, metadata={"group": group, "changes_result": changes_result})


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are cut.

    Args:
        dataset: what to learn from; `mnist10k` is part of the program, the others are read from `--data-dir`.
        data_dir: folder (or `.zip`, for `folder` and `celeba`) the data set lies in; without it, `mnist`,
            `fashion_mnist` and `cifar10` are downloaded by Keras.
        image_size: height x width of the images the network sees, as `64` or `96x64`; by default the data
            set's own, and 64 for `celeba` and `folder`.
        crop: side, in pixels, of the centred square that is cut out of every picture before it is resized;
            by default the largest part that has the shape of `--image-size`. The older CelebA recipe is 108.
        channels: 3 for colour, 1 for grey; by default the data set's own, and 3 for `folder`.
        attribute: which column of CelebA's `list_attr_celeba.txt` becomes the label, for example `Smiling`.
        store_dir: where prepared images are kept for the next run; by default the user's cache folder.
    """

    dataset: Literal["mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "celeba", "folder"] = option(
        "mnist10k", "Data"
    )
    data_dir: Path | None = option(None, "Data", changes_result=False)  # what lies there is compared, not where
    image_size: str | int | None = option(None, "Data")
    crop: Count | None = option(None, "Data")
    channels: Literal[1, 3] | None = option(None, "Data")
    attribute: str | None = option(None, "Data")
    store_dir: Path | None = option(None, "Data", changes_result=False)

    def __post_init__(self):
        """Write the image size in one way, so that 64, "64" and "64x64" are no differences."""
        if self.image_size is not None:
            height, width = parse_size(self.image_size)
            text = str(height) if height == width else f"{height}x{width}"
            object.__setattr__(self, "image_size", text)


@dataclass(frozen=True)
class PrepareConfig(DataConfig):
    """Decode, crop and resize a data set once, so that training starts at once.

    Training does the same by itself where it is needed; this command does only this.
    """


@dataclass(frozen=True)
class TrainConfig(DataConfig):
    """Train a DCGAN, or go on with the run in `--run-dir`: the same line does both.

    Args:
        recipe: what the options below are by default: `default`, which measured best a minute on two cores, or
            `paper`, the plain recipe of the DCGAN paper, without labels and averaged weights.
        run_dir: folder of the run; by default `checkpoints/` and the name of the data set.
        steps: stop when the run holds this many steps.
        epochs: stop after this many passes over the data set, if that is earlier.
        minutes: stop after this many minutes of training in this call, if that is earlier.
        batch_size: images a step, over all devices; by default 64, `paper` 128.
        conditional: give both networks the images' labels, so that pictures of a class can be drawn on demand; by
            default where the images have labels of 2 to 100 classes.
        augment: what every image, real or drawn, goes through before the discriminator sees it, parted by commas:
            colour, translation, cutout (DiffAugment; for data sets of few images).
        flip: mirror half of the images left to right, at random; not for digits or letters.
        seed: every random draw of the run follows from it.
        generator_lr: Adam's learning rate for the generator; by default 5e-4, `paper` 2e-4.
        discriminator_lr: Adam's learning rate for the discriminator; by default 5e-4, `paper` 2e-4.
        beta_1: Adam's first-moment decay; by default 0.5.
        decay_after: from this step on, both learning rates fall as 1/step, to half at twice as many; by default 10,000,
            `paper` never.
        ema_decay: how slowly the averaged generator, from which pictures are drawn, follows the trained one;
            0 leaves the average out; by default 0.9999, `paper` 0.
        latent_dim: length of the latent vector; by default 64, and 100 for `celeba`, `folder` and `paper`.
        generator_width: filters of the generator's last hidden layer, every layer before has twice as many; by
            default 64.
        discriminator_width: filters of the discriminator's first layer, every layer after has twice as many; by
            default 32, and 64 for `celeba`, `folder` and `paper`.
        kernel: side of every convolution's kernel, in pixels; even sizes leave no checkerboard at stride 2.
            Convolutions of stride 1 take the next smaller odd size, and at least 3.
        upsampling: how the generator doubles its maps: `transposed` convolution; enlargement, `nearest` or `bilinear`,
            and a convolution; `subpixel`, a convolution whose maps become the pixels of blocks; `unpool`, max-unpooling
            and a convolution, with fixed switches, since a generator has no encoder that could record them.
        downsampling: how the discriminator halves its maps: by `strided` convolutions, or by convolutions and 2x2
            max-pooling, `maxpool`.
        precision: of the computation; weights and averages are float32 throughout.
        compile: `xla` compiles the whole step, `none` nothing, `auto` what measured faster on this kind of device;
            results differ by rounding.
        strategy: which devices share each batch: `single`, all GPUs of this machine (`mirrored`), all machines that
            `TF_CONFIG` names (`multi_worker`), or as many as there are (`auto`); they compute what one does.
        guard: watch the training: say when the discriminator has won or the pictures get worse, and after a collapse or
            numbers that are none go back to a state that was well, with half the learning rates.
        evaluate_every: measure the Fréchet distance, precision and recall every so many steps, as `evaluate` does, and
            keep the generator that was nearest to the data as `best.keras`.
        evaluate_num: how many pictures are drawn for that, at most.
        features: what pictures are compared in then: `classifier`, `inception` or a `.keras` file; see `evaluate`.
        save_every: save the run every so many steps; `kill -9` loses at most these.
        sample_every: draw a grid of samples every so many steps.
        log_every: write and show numbers every so many steps.
        keep: how many of the newest saved states stay on disk.
        tensorboard: write what TensorBoard shows into the run directory as well: numbers, grids, options, and at the
            end real and drawn pictures as the discriminator sees them; `tensorboard --logdir checkpoints` shows it.
        animate: at the end, turn the run's grids into `history.gif`.
    """

    recipe: Literal[*RECIPES] = option("default", "Training", changes_result=False)  # what it stands for is compared
    run_dir: Path | None = option(None, "Run", changes_result=False)
    # At batch 64 these end within 10 minutes on two cores, and draw digits one can read.
    steps: Count = option(4000, "Run", changes_result=False)
    epochs: Finite | None = option(None, "Run", changes_result=False)
    minutes: Finite | None = option(None, "Run", changes_result=False)
    batch_size: Count | None = option(None, "Training")
    conditional: bool | None = option(None, "Training")
    augment: str | None = option(None, "Training")
    flip: bool = option(False, "Training")
    seed: NonNegativeInt = option(0, "Training")
    generator_lr: Finite | None = option(None, "Training")
    discriminator_lr: Finite | None = option(None, "Training")
    beta_1: Decay | None = option(None, "Training")
    decay_after: Count | None = option(None, "Training")
    ema_decay: ClosedUnitInterval | None = option(None, "Training")
    latent_dim: Count | None = option(None, "Network")
    generator_width: Count | None = option(None, "Network")
    discriminator_width: Count | None = option(None, "Network")
    # Stride 2 divides 4, so every output pixel sums as many products as its neighbour (Odena et al. 2016).
    kernel: KernelSize = option(4, "Network")
    upsampling: Literal["transposed", "nearest", "bilinear", "subpixel", "unpool"] = option("transposed", "Network")
    downsampling: Literal["strided", "maxpool"] = option("strided", "Network")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = option("float32", "Computation")
    compile: Literal["auto", "xla", "none"] = option("auto", "Computation", changes_result=False)
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = option(
        "auto", "Computation", changes_result=False
    )
    guard: Literal["on", "off"] = option("on", "Run")
    evaluate_every: Count | None = option(None, "Run", changes_result=False)
    # As many as MNIST's and CIFAR-10's test sets have; the Fréchet distance of fewer pictures is larger.
    evaluate_num: Count = option(10_000, "Run", changes_result=False)
    features: str = option("classifier", "Run", changes_result=False)
    save_every: Count = option(500, "Run", changes_result=False)
    sample_every: Count = option(250, "Run", changes_result=False)
    log_every: Count = option(50, "Run", changes_result=False)
    keep: Count = option(2, "Run", changes_result=False)  # one more than needed, should the newest be damaged
    tensorboard: bool = option(True, "Run", changes_result=False)
    animate: bool = option(False, "Run", changes_result=False)

    def __post_init__(self):
        """Fill in the recipe, and write the changes of `augment` in one way: each once, in one order."""
        super().__post_init__()
        large = _LARGE if self.recipe == "default" and self.dataset not in SMALL else {}
        for name, value in (RECIPES[self.recipe] | large).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.augment is not None:
            given = {part.strip() for part in self.augment.split(",")} - {""}
            if not given <= set(AUGMENTATIONS):
                raise ValueError(f"augment takes {', '.join(AUGMENTATIONS)}, parted by commas, not {self.augment!r}")
            text = ",".join(name for name in AUGMENTATIONS if name in given) or None
            object.__setattr__(self, "augment", text)

    @property
    def changes(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return tuple(self.augment.split(",")) if self.augment else ()


@dataclass(frozen=True)
class GenerateConfig:
    """Draw pictures from a trained generator; picture n belongs to seed n.

    Without options, a grid of 64 pictures, or of a conditional run a row of each class. A seed is a number that stands
    for a point of the latent space, and so for a picture, always the same.

    Args:
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        seeds: which pictures, as `0-63` or `3,5,9-12`; by default 0-63, and 0-7 for a walk.
        num: the pictures 0 to N-1; the same as `--seeds 0-(N-1)`.
        label: which class to draw with a conditional run, by name or number, or `each` for a row of every class; by
            default the seeds' own, which are as frequent as in the training images, and where no seeds are asked
            for, a row of every class.
        out: what to write, by its ending: `.png` one grid, `.npy` or `.npz` the images as uint8 (N, H, W, C),
            `.gif` or `.mp4` an animation of a walk, a name without an ending a folder of single PNG files; by
            default a grid in the run directory.
        columns: pictures a row of the grid; by default a grid as square as can be.
        walk: walk through the latent space from each seed to the next in this many pictures, along great
            circles: one row a pair in a grid, one loop (of 12 a pair, if this is not given) in an animation.
        arithmetic: add and subtract the means of some seeds' latents, as '0,1,2 - 3,4,5 + 6,7,8'; blanks around + and
            -, none in a range such as 3-5. A `.png` shows terms and result (DCGAN paper, figure 7), a `.npy` holds
            the result; with a conditional run, in the class of `--label`, or in each.
        cloud: instead of the result alone, nine pictures: itself in the middle, and eight with uniform noise from
            -CLOUD to CLOUD added; 0.25 in the paper.
        along: instead of from seed to seed, walk along a direction, as '0-3 - 4-7': a row a seed, from itself less the
            result of this arithmetic to itself and the result (figure 8), in `--walk` pictures, by default 9.
        stages: show how each picture grows: a row a seed, by default 0-7, and a column a stage of the generator, whose
            feature maps stand for it by their principal components.
        animate: instead of drawing new pictures, turn the sample grids of the run's history into an animation.
        fps: pictures a second in an animation.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        overwrite: replace `--out` if it exists.
    """

    run_dir: Path | None = option(None, "Pictures")
    seeds: str | None = option(None, "Pictures")
    num: Count | None = option(None, "Pictures")
    label: str | None = option(None, "Pictures")
    out: Path | None = option(None, "Pictures")
    columns: Count | None = option(None, "Pictures")
    walk: Count | None = option(None, "Pictures")
    arithmetic: str | None = option(None, "Pictures")
    cloud: Finite | None = option(None, "Pictures")
    along: str | None = option(None, "Pictures")
    stages: bool = option(False, "Pictures")
    animate: bool = option(False, "Pictures")
    fps: FramesPerSecond = option(12.0, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class EvaluateConfig(DataConfig):
    """Measure how near drawn pictures are to real ones that no training saw.

    The data options are those of the run, unless they are given.

    Args:
        dataset: what to compare with; by default the run's own, and `mnist10k` for `--images`.
        run_dir: folder of the run whose pictures are judged; by default the newest one under `checkpoints/`.
        images: instead of a run's, the pictures in this folder, `.zip`, `.npy` or `.npz`; as large as the data set's.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, as `train.py --evaluate-every`
            kept it.
        num: how many pictures are judged, at most; as many training images are measured beside them.
        metrics: which, parted by commas: frechet, kernel, precision_recall, density_coverage, modes, neighbours,
            memorisation, support, unsupervised; by default all that can be measured but the last.
        features: what the pictures are compared in: `classifier`, trained once on the data set's labels, `inception`,
            whose weights are downloaded, or the name of a `.keras` file.
        json: file for the report; by default `evaluation.json` in the run directory, replacing an older one.
        overwrite: replace `--json` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    images: Path | None = option(None, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    # As many as MNIST's and CIFAR-10's test sets have; the Fréchet distance of fewer pictures is larger.
    num: Count = option(10_000, "Pictures")
    metrics: str | None = option(None, "Report")
    features: str = option("classifier", "Report")
    json: Path | None = option(None, "Report")
    overwrite: bool = option(False, "Report")


@dataclass(frozen=True)
class ExplainConfig(DataConfig):
    """Show what the discriminator's feature maps respond to: the images that excite them most, and why.

    The data options are those of the run, unless they are given.

    Args:
        dataset: where the images are looked for; by default the run's own.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        layer: whose maps, by name or by the number of a convolution stage, from 0 on; by default the last stage. A
            stage goes up to the next convolution. A dense layer's outputs count as maps, too: `judge` is the logit.
        maps: how many, from the first on, or which, as `3,5,9-12`; the map 6 alone is `6-6`.
        rule: how an activation is taken back to the pixels: by the `gradient`, by the `deconvnet` of Zeiler and Fergus,
            or by `guided` backpropagation, which is both; the deconvnet draws every image alike where there is no
            max-pooling.
        images: how many a map, at most 100.
        whole: show whole images, not only the part that the activation depends on.
        random_weights: show beside it the same of a network that has learnt nothing.
        seed: of the random weights.
        out: the sheet, a `.png`; by default a file in the run directory, replacing an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    layer: str | None = option(None, "Pictures")
    # The DCGAN paper's figure 5 shows six, by guided backpropagation; Zeiler and Fergus, figure 2, nine images each.
    maps: str = option("6", "Pictures")
    rule: Literal["guided", "deconvnet", "gradient"] = option("guided", "Pictures")
    images: PerMap = option(9, "Pictures")
    whole: bool = option(False, "Pictures")
    random_weights: bool = option(False, "Pictures")
    seed: NonNegativeInt = option(0, "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class ProjectConfig:
    """Find the points of the latent space from which a generator draws what is most like some pictures.

    A sheet shows each picture, how the search came nearer to it and what was found; two pictures or more are joined by
    a walk. Example: `python -m dcgan project --images one.png,other.jpg`.

    Args:
        images: picture files, parted by commas; they are cropped at the centre and resized as for training. Has to be
            given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        label: with a conditional run, the class all of them are drawn in, by name or number; by default every class is
            tried for each.
        starts: how many points the search for each picture begins at, for every class that is tried.
        steps: how many small steps the search takes; more come nearer.
        walk: pictures on the way from each found point to the next, both ends included.
        seed: the points at which the search begins follow from it.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: folder for `sheet.png`, `errors.png`, `walk.png` and `latents.npz`; by default a new one in the run
            directory, under `projected/`.
        overwrite: replace these files in `--out` if they exist.
    """

    images: str | None = option(None, "Pictures")
    run_dir: Path | None = option(None, "Pictures")
    label: str | None = option(None, "Pictures")
    starts: Count = option(4, "Search")
    steps: Count = option(1000, "Search")
    walk: WalkSteps = option(9, "Pictures")
    seed: NonNegativeInt = option(0, "Search")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class TurnConfig(DataConfig):
    """Turn pictures of one kind into another, along a direction that is found in the latent space.

    A sheet shows a row a picture; in words it is told how often the turn succeeds. Example: `python -m dcgan turn
    --toward slant`. For a direction between seeds that you chose by eye, see `generate.py --along`.

    Args:
        dataset: whose classifier says what is seen, for a class; by default the run's own. The data options are those
            of the run, unless they are given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        toward: what the pictures shall become: `slant`, strokes that lean to the right, `boldness`, more ink, or with a
            run that is not conditional the name or number of a class, read by a classifier. Has to be given.
        start: for a class, which class the pictures begin as; by default any other.
        method: how the direction is found: between the means of both groups, `means`, or across the `plane` that tells
            them apart.
        num: pictures the direction is found on, and others it is tried on.
        rows: pictures that are shown.
        walk: pictures a row.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: the sheet, a `.png`; by default a file in the run directory, replacing an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    toward: str | None = option(None, "Direction")
    start: str | None = option(None, "Direction")
    method: Literal["means", "plane"] = option("means", "Direction")
    num: Count = option(2000, "Direction")
    rows: PerMap = option(8, "Pictures")
    walk: WalkSteps = option(9, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class DropConfig(DataConfig):
    """Drop the generator's feature maps that draw one class, and see what it draws instead.

    As in the DCGAN paper, where a generator of bedrooms was made to forget windows. A sheet shows pictures as they are,
    without these maps, and without as many others; in words it is told how many are still read as what they were.
    Example: `python -m dcgan drop --thing 7`.

    Args:
        dataset: whose classifier says what is seen; by default the run's own. The data options are those of the run,
            unless they are given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        thing: the class, by name or number. Has to be given.
        layer: the generator's layer whose maps are dropped; by default the last before the picture.
        num: pictures on which the maps are found, and others that are drawn without them.
        seed: of the choice of other maps.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: the sheet, a `.png`; by default a file in the run directory, replacing an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    thing: str | None = option(None, "Maps")
    layer: str | None = option(None, "Maps")
    num: Count = option(1000, "Maps")
    seed: NonNegativeInt = option(0, "Maps")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained generator in the format of another program, checked against the one it was made from.

    A card beside it says what it is, how to draw from it, and what may be done with it. Example: `python -m dcgan
    export --format onnx`.

    Args:
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        format: `saved_model` for TensorFlow, `onnx`, `litert` for phones and small devices, `keras`, or `npz` for
            NumPy alone. Has to be given.
        out: the file to write, for `saved_model` the folder; by default in the run directory, under `exported/`.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        overwrite: replace `--out` and its card if they exist.
    """

    run_dir: Path | None = option(None, "Export")
    format: Literal["saved_model", "onnx", "litert", "keras", "npz"] | None = option(None, "Export")
    out: Path | None = option(None, "Export")
    weights: Literal["ema", "raw", "best"] = option("ema", "Export")
    overwrite: bool = option(False, "Export")


def decisive(config: Any) -> dict[str, Any]:
    """The options that change the result, by name."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.metadata["changes_result"]}


def differences(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Name the options that change the result and differ: `{name: (ours, theirs)}`."""
    pairs = {name: (value, getattr(theirs, name)) for name, value in decisive(ours).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
