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
FramesPerSecond = restricted_number_type("FramesPerSecond", float, [(">=", 0.01), ("<=", 1000)])

DATASETS = ("mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "celeba", "folder")


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
        run_dir: folder of the run; by default `checkpoints/` and the name of the data set.
        steps: stop when the run holds this many steps.
        epochs: stop after this many passes over the data set, if that is earlier.
        minutes: stop after this many minutes of training in this call, if that is earlier.
        batch_size: images a step, over all devices.
        flip: mirror half of the images left to right, at random; not for digits or letters.
        seed: every random draw of the run follows from it.
        generator_lr: Adam's learning rate for the generator.
        discriminator_lr: Adam's learning rate for the discriminator.
        beta_1: Adam's first-moment decay.
        ema_decay: how slowly the averaged generator, from which pictures are drawn, follows the trained one;
            0 leaves the average out.
        latent_dim: length of the latent vector.
        generator_width: filters of the generator's last hidden layer; every layer before has twice as many.
        discriminator_width: filters of the discriminator's first layer; every layer after has twice as many.
        kernel: side of every convolution's kernel, in pixels; even sizes leave no checkerboard at stride 2.
        precision: of the computation; weights and averages are float32 throughout.
        compile: `xla` compiles the whole step, `none` nothing, `auto` what measured faster on this kind of device;
            results differ by rounding.
        strategy: which devices share each batch: `single`, all GPUs of this machine (`mirrored`), all machines that
            `TF_CONFIG` names (`multi_worker`), or as many as there are (`auto`); they compute what one does.
        save_every: save the run every so many steps; `kill -9` loses at most these.
        sample_every: draw a grid of samples every so many steps.
        log_every: write and show numbers every so many steps.
        keep: how many of the newest saved states stay on disk.
        tensorboard: write TensorBoard events into the run directory as well.
        animate: at the end, turn the run's grids into `history.gif`.
    """

    run_dir: Path | None = option(None, "Run", changes_result=False)
    # At batch 64 these end within 10 minutes on two cores, and draw digits one can read.
    steps: Count = option(4000, "Run", changes_result=False)
    epochs: Finite | None = option(None, "Run", changes_result=False)
    minutes: Finite | None = option(None, "Run", changes_result=False)
    # Many cheap steps beat few dear ones on two cores; the paper (section 4) has 128.
    batch_size: Count = option(64, "Training")
    flip: bool = option(False, "Training")
    seed: NonNegativeInt = option(0, "Training")
    # 2e-4 and 0.5 are the paper's (Radford et al. 2016, section 4): 1e-3 and 0.9 were unstable there.
    generator_lr: Finite = option(2e-4, "Training")
    discriminator_lr: Finite = option(2e-4, "Training")
    beta_1: Decay = option(0.5, "Training")
    # A window of about 1,000 steps, once the ramp has reached it.
    ema_decay: ClosedUnitInterval = option(0.999, "Training")
    # 100 and 64 are the sizes everyone compares with: 3,576,704 and 2,765,568 weights at 64x64x3.
    latent_dim: Count = option(100, "Network")
    generator_width: Count = option(64, "Network")
    discriminator_width: Count = option(64, "Network")
    # Stride 2 divides 4, so every output pixel sums as many products as its neighbour (Odena et al. 2016).
    kernel: KernelSize = option(4, "Network")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = option("float32", "Computation")
    compile: Literal["auto", "xla", "none"] = option("auto", "Computation", changes_result=False)
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = option(
        "auto", "Computation", changes_result=False
    )
    save_every: Count = option(500, "Run", changes_result=False)
    sample_every: Count = option(250, "Run", changes_result=False)
    log_every: Count = option(50, "Run", changes_result=False)
    keep: Count = option(2, "Run", changes_result=False)  # one more than needed, should the newest be damaged
    tensorboard: bool = option(True, "Run", changes_result=False)
    animate: bool = option(False, "Run", changes_result=False)


@dataclass(frozen=True)
class GenerateConfig:
    """Draw pictures from a trained generator; picture n belongs to seed n.

    Args:
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        seeds: which pictures, as `0-63` or `3,5,9-12`; by default 0-63, and 0-7 for a walk.
        num: the pictures 0 to N-1; the same as `--seeds 0-(N-1)`.
        out: what to write, by its ending: `.png` one grid, `.npy` or `.npz` the images as uint8 (N, H, W, C),
            `.gif` or `.mp4` an animation of a walk, a name without an ending a folder of single PNG files; by
            default a grid in the run directory.
        columns: pictures a row of the grid; by default a grid as square as can be.
        walk: walk through the latent space from each seed to the next in this many pictures, along great
            circles: one row a pair in a grid, one loop (of 12 a pair, if this is not given) in an animation.
        animate: instead of drawing new pictures, turn the sample grids of the run's history into an animation.
        fps: pictures a second in an animation.
        weights: `ema`, the averaged generator, or `raw`, as training left it.
        overwrite: replace `--out` if it exists.
    """

    run_dir: Path | None = option(None, "Pictures")
    seeds: str | None = option(None, "Pictures")
    num: Count | None = option(None, "Pictures")
    out: Path | None = option(None, "Pictures")
    columns: Count | None = option(None, "Pictures")
    walk: Count | None = option(None, "Pictures")
    animate: bool = option(False, "Pictures")
    fps: FramesPerSecond = option(12.0, "Pictures")
    weights: Literal["ema", "raw"] = option("ema", "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class EvaluateConfig(DataConfig):
    """Measure how near drawn pictures are to real ones that no training saw.

    The data options are those of the run, unless they are given.

    Args:
        dataset: what to compare with; by default the run's own, and `mnist10k` for `--images`.
        run_dir: folder of the run whose pictures are judged; by default the newest one under `checkpoints/`.
        images: instead of a run's, the pictures in this folder, `.zip`, `.npy` or `.npz`; as large as the data set's.
        weights: `ema`, the averaged generator, or `raw`, as training left it.
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
    weights: Literal["ema", "raw"] = option("ema", "Pictures")
    # As many as MNIST's and CIFAR-10's test sets have; the Fréchet distance of fewer pictures is larger.
    num: Count = option(10_000, "Pictures")
    metrics: str | None = option(None, "Report")
    features: str = option("classifier", "Report")
    json: Path | None = option(None, "Report")
    overwrite: bool = option(False, "Report")


def decisive(config: Any) -> dict[str, Any]:
    """The options that change the result, by name."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.metadata["changes_result"]}


def differences(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Name the options that change the result and differ: `{name: (ours, theirs)}`."""
    pairs = {name: (value, getattr(theirs, name)) for name, value in decisive(ours).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
