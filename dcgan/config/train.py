"""The options of a training, and the recipes that fill them in."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from dcgan.config.data import DataConfig
from dcgan.config.fields import (
    Decay,
    KernelSize,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
    UnitInterval,
    option,
)
from dcgan.core.errors import UserError

AUGMENTATIONS = ("color", "translation", "cutout")

UPSAMPLERS = ("transposed", "nearest", "bilinear", "subpixel", "unpool")

RESIZE_UPSAMPLERS = ("nearest", "bilinear")
"""Ways of upsampling that draw smooth pictures from the first step on, which can't be told at a glance. Against the
others a discriminator with a hidden layer wins: a distance of 10.2 where `nearest` has 0.381 (benchmarks/README.md)."""

SMALL_DATASETS = ("mnist10k", "mnist", "fashion_mnist", "cifar10")
"""Data sets whose images have 28 or 32 pixels, unless they are enlarged, and at most ten classes."""

PRESETS = {
    # What measured best; README.md has the figures under "Recipes".
    "default": {
        "batch_size": 64,
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "beta_1": 0.5,
        # A window of a ninth of the steps so far (see `Trainer._follow`), and of 10,000 in the end.
        "ema_decay": 0.9999,
        # Wider generators draw better after the same time, wider discriminators do not judge better. Kernels of 6 take
        # twice as long as those of 4 and are worth it: a pixel is made of 3x3 places of the maps below, not of 2x2.
        "latent_dim": 64,
        "kernel": 6,
        "generator_width": 48,
        "discriminator_width": 32,
        # A logit that is linear in the last maps sees less of what is wrong: 1.7 times the distance after 20,000 steps.
        "discriminator_hidden": 256,
        # 1.5 (digits, 2,500 steps) to 1.7 times (CIFAR-10, 1,200 steps) as near as kernels learnt pixel by pixel; after
        # 10,000 steps of digits both are as near.
        "upsampling": "nearest",
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
        "ema_decay": 0.0,
        "latent_dim": 100,
        "kernel": 4,
        "generator_width": 64,
        "discriminator_width": 64,
        "discriminator_hidden": 0,
        "upsampling": "transposed",
    },
}
"""What the options of `TrainConfig` are where they are not given, by the recipe's name."""

_LARGE = {
    "latent_dim": 100,
    "kernel": 4,
    "generator_width": 64,
    "discriminator_width": 64,
    "discriminator_hidden": 0,
}
"""What the default recipe has for `celeba`, `folder` and `stacked_mnist` instead."""


@dataclass(frozen=True)
class TrainConfig(DataConfig):
    """Train a DCGAN, or go on with the run in `--run-dir`: the same line does both.

    Args:
        preset: what the options below are by default: `default`, which measured best, or
            `paper`, the plain recipe of the DCGAN paper, without labels and averaged weights.
        run_dir: folder of the run; by default `checkpoints/` and the name of the data set.
        steps: stop when the run holds this many steps.
        epochs: stop after this many passes over the data set, if that is earlier.
        minutes: stop after this many minutes of training in this call, if that is earlier.
        batch_size: images a step, over all devices; by default 64, `paper` 128.
        conditional: give both networks the images' labels, so that pictures of a class can be drawn on demand; by
            default where the images have labels of 2 to 100 classes.
        augment: what every image, real or drawn, goes through before the discriminator sees it, parted by commas:
            color, translation, cutout (DiffAugment; for data sets of few images).
        flip: mirror half of the images left to right, at random; not for digits or letters.
        seed: every random draw of the run follows from it.
        generator_lr: Adam's learning rate for the generator; by default 5e-4, `paper` 2e-4.
        discriminator_lr: Adam's learning rate for the discriminator; by default 5e-4, `paper` 2e-4.
        beta_1: Adam's first-moment decay; by default 0.5.
        ema_decay: how slowly the averaged generator, from which pictures are drawn, follows the trained one;
            0 leaves the average out; by default 0.9999, `paper` 0.
        latent_dim: length of the latent vector; by default 64, and 100 for `celeba`, `folder`, `stacked_mnist` and
            `paper`.
        generator_width: filters of the generator's last hidden layer, every layer before has twice as many; by
            default 48, and 64 for `celeba`, `folder`, `stacked_mnist` and `paper`.
        discriminator_width: filters of the discriminator's first layer, every layer after has twice as many; by
            default 32, and 64 for `celeba`, `folder`, `stacked_mnist` and `paper`.
        discriminator_hidden: units of a layer between the discriminator's last maps and its logit, 0 for none; by
            default 256, and 0 for `celeba`, `folder`, `stacked_mnist` and `paper`, and with an upsampling other than
            nearest or bilinear.
        kernel: side of every convolution's kernel, in pixels; even sizes overlap evenly at stride 2; by default
            6, and 4 for `celeba`, `folder`, `stacked_mnist` and `paper`. Convolutions of stride 1 take the next smaller
            odd size, and at least 3.
        upsampling: how the generator doubles its maps: `transposed` convolution; enlargement, `nearest` or `bilinear`,
            and a convolution, of which `nearest` makes one transposed convolution; `subpixel`, a convolution whose maps
            become the pixels of blocks; `unpool`, max-unpooling and a convolution, with fixed switches, since a
            generator has no encoder that could record them; by default nearest, `paper` transposed.
        downsampling: how the discriminator halves its maps: by `strided` convolutions, or by convolutions and 2x2
            max-pooling, `maxpool`.
        precision: of the computation; weights and averages are float32 throughout.
        compile: `xla` compiles the whole step, `none` nothing, `auto` what measured faster on this kind of device;
            results differ by rounding.
        strategy: which devices share each batch: `single`, all GPUs of this machine (`mirrored`), all machines that
            `TF_CONFIG` names (`multi_worker`), or as many as there are (`auto`); they compute what one does.
        health_checks: watch the training: say when the discriminator has won or the pictures get worse, and after a collapse or
            numbers that are none go back to a state that was well, with half the learning rates.
        evaluate_every: measure the Fréchet distance, precision and recall every so many steps, as `evaluate` does, and
            keep the generator that was nearest to the data as `best.keras`.
        evaluate_num: how many pictures are drawn for that, at most.
        features: what pictures are compared in then: `classifier`, `inception` or a `.keras` file; see `evaluate`.
        save_every: save the run every so many steps; `kill -9` loses at most these.
        sample_every: draw a grid of samples every so many steps.
        log_every: write and show numbers every so many steps.
        keep_checkpoints: how many of the newest saved states stay on disk.
        tensorboard: write what TensorBoard shows into the run directory as well: numbers, grids, options, and at the
            end real and drawn pictures as the discriminator sees them; `tensorboard --logdir checkpoints` shows it.
        animate: at the end, turn the run's grids into `history.gif`.
    """

    preset: Literal[*PRESETS] = option("default", "Training", changes_result=False)  # what it stands for is compared
    run_dir: Path | None = option(None, "Run", changes_result=False)
    # At batch 64 these end within 10 minutes on two cores, and draw digits one can read.
    steps: PositiveInt = option(4000, "Run", changes_result=False)
    epochs: PositiveFloat | None = option(None, "Run", changes_result=False)
    minutes: PositiveFloat | None = option(None, "Run", changes_result=False)
    batch_size: PositiveInt | None = option(None, "Training")
    conditional: bool | None = option(None, "Training")
    augment: str | None = option(None, "Training")
    flip: bool = option(False, "Training")
    seed: Seed = option(0, "Training")
    generator_lr: PositiveFloat | None = option(None, "Training")
    discriminator_lr: PositiveFloat | None = option(None, "Training")
    beta_1: Decay | None = option(None, "Training")
    ema_decay: UnitInterval | None = option(None, "Training")
    latent_dim: PositiveInt | None = option(None, "Network")
    generator_width: PositiveInt | None = option(None, "Network")
    discriminator_width: PositiveInt | None = option(None, "Network")
    discriminator_hidden: NonNegativeInt | None = option(None, "Network")
    # Stride 2 divides 4 and 6, so every output pixel sums as many products as its neighbour (Odena et al. 2016).
    kernel: KernelSize | None = option(None, "Network")
    upsampling: Literal[*UPSAMPLERS] | None = option(None, "Network")
    downsampling: Literal["strided", "maxpool"] = option("strided", "Network")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = option("float32", "Computation")
    compile: Literal["auto", "xla", "none"] = option("auto", "Computation", changes_result=False)
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = option(
        "auto", "Computation", changes_result=False
    )
    health_checks: bool = option(True, "Run")
    evaluate_every: PositiveInt | None = option(None, "Run", changes_result=False)
    # As many as MNIST's and CIFAR-10's test sets have; the Fréchet distance of fewer pictures is larger.
    evaluate_num: PositiveInt = option(10_000, "Run", changes_result=False)
    features: str = option("classifier", "Run", changes_result=False)
    save_every: PositiveInt = option(500, "Run", changes_result=False)
    sample_every: PositiveInt = option(250, "Run", changes_result=False)
    log_every: PositiveInt = option(50, "Run", changes_result=False)
    keep_checkpoints: PositiveInt = option(
        2, "Run", changes_result=False
    )  # one more than needed, should the newest be damaged
    tensorboard: bool = option(True, "Run", changes_result=False)
    animate: bool = option(False, "Run", changes_result=False)

    def __post_init__(self):
        """Normalize `augment`: each name once, in the order of `AUGMENTATIONS`."""
        super().__post_init__()
        if self.augment is not None:
            given = {part.strip() for part in self.augment.split(",")} - {""}
            if not given <= set(AUGMENTATIONS):
                raise ValueError(f"augment takes {', '.join(AUGMENTATIONS)}, separated by commas, not {self.augment!r}")
            text = ",".join(name for name in AUGMENTATIONS if name in given) or None
            object.__setattr__(self, "augment", text)

    def resolve(self) -> "ResolvedTrainConfig":
        """Fill in every option that was not given from the preset and the data set.

        Returns:
            The config that training uses. Resolving it again returns it unchanged.

        Raises:
            UserError: the batch size is 1, and the discriminator has a hidden layer.
        """
        defaults = PRESETS[self.preset]
        if self.preset == "default" and self.dataset not in SMALL_DATASETS:
            defaults = defaults | _LARGE
        if (self.upsampling or defaults["upsampling"]) not in RESIZE_UPSAMPLERS:
            defaults = defaults | {"discriminator_hidden": 0}
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        missing = {name: value for name, value in defaults.items() if given[name] is None}
        return ResolvedTrainConfig(**given | missing)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return tuple(self.augment.split(",")) if self.augment else ()


class ResolvedTrainConfig(TrainConfig):
    """The options that training uses: what `TrainConfig.resolve` returns, and what `config.yaml` holds.

    The fields are those of `TrainConfig`; the preset has filled in the ones annotated here. What is still None has a
    meaning of its own: no limit (`epochs`, `minutes`), off (`augment`, `evaluate_every`), or left to the data
    (`image_size`, `crop`, `channels`, `conditional`).
    """

    batch_size: int
    generator_lr: float
    discriminator_lr: float
    beta_1: float
    ema_decay: float
    latent_dim: int
    generator_width: int
    discriminator_width: int
    discriminator_hidden: int
    kernel: int
    upsampling: Literal[*UPSAMPLERS]

    def __post_init__(self):
        """Check the options that only make sense together."""
        super().__post_init__()
        if self.discriminator_hidden and self.batch_size == 1:
            raise UserError(
                "--batch-size 1 gives the BatchNorm of the discriminator's hidden layer nothing to normalize over.",
                "Use --batch-size 2 or more, or --discriminator-hidden 0.",
            )

    def resolve(self) -> "ResolvedTrainConfig":
        """Return this config: it is resolved."""
        return self

    @property
    def discriminator_options(self) -> dict[str, int | str]:
        """The options that only `dcgan.networks.build_discriminator` takes."""
        return {
            "width": self.discriminator_width,
            "hidden": self.discriminator_hidden,
            "downsampling": self.downsampling,
        }
