"""Options of the command `train`, and the presets that fill in the ones that are not given."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from dcgan.config.data import DEFAULT_SIZES, DataConfig
from dcgan.config.fields import (
    Clusters,
    Decay,
    EvaluationImages,
    InitScale,
    KernelSize,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
    UnitInterval,
    Weights,
    device_option,
    option,
)
from dcgan.core.errors import UserError
from dcgan.core.paths import to_path
from dcgan.core.sizes import parse_size

AUGMENTATIONS = ("color", "translation", "cutout")

FEW_IMAGES = 5000
"""Fewer images than these are augmented by default: on 3,786 emoji the distance is lower from 3,000 steps on, and on
1,000 digits from 900 steps on (docs/results.md)."""

Upsampling = Literal["transposed", "nearest", "bilinear", "subpixel", "unpool"]

UPSAMPLERS: tuple[Upsampling, ...] = get_args(Upsampling)

RESIZE_UPSAMPLERS = ("nearest", "bilinear")
"""Upsampling methods whose images are smooth from the first step on, so that the discriminator can't reject them at
once. Against the others, a discriminator with a hidden layer wins: Fréchet distance 10.2 where `nearest` has 0.381
(`python -m benchmarks.upsampling --hidden 256 --minutes 1`, benchmarks/README.md)."""

SMALL_SIDE = 32
"""Images of at most so many pixels per side are trained with the settings for small images."""

Preset = Literal["default", "paper"]

PRESETS: dict[Preset, dict[str, Any]] = {
    # The best values measured; docs/results.md has the comparison.
    "default": {
        "batch_size": 64,
        "generator_lr": 5e-4,
        # Divides the distance of a constant rate by 1.1 to 1.3 from 7,500 steps on (docs/results.md).
        "generator_lr_decay_start": 3000,
        "discriminator_lr": 5e-4,
        "loss": "non_saturating",
        "gradient_penalty": 0.0,
        "discriminator_norm": "batch",
        "beta_1": 0.5,
        # Averages over a ninth of the steps so far at first (see `Trainer`), and over 10,000 steps in the end.
        "ema_decay": 0.9999,
        # At equal training time, wider generators are better and wider discriminators are not. Kernels of 6 take twice
        # as long as kernels of 4 and are worth it: a pixel depends on 3x3 instead of 2x2 positions of the maps below.
        "latent_dim": 64,
        "kernel": 6,
        "generator_width": 48,
        "discriminator_width": 32,
        # Without it, when the logit is linear in the last maps, the distance after 20,000 steps is 1.7 times as large.
        "discriminator_hidden": 256,
        "downsampling": "strided",
        # Divides the distance of transposed convolutions, both without a hidden layer (`python -m benchmarks.upsampling
        # --hidden 0`), by 1.5 (digits, 2,500 steps) to 1.7 (CIFAR-10, 1,200 steps);
        # after 10,000 steps of digits both are equal.
        "upsampling": "nearest",
    },
    # Radford et al. 2016, section 4: batches of 128, Adam at 2e-4 with β₁ 0.5 (1e-3 and 0.9 were unstable there), no
    # labels, no EMA. With 64 filters the networks have the sizes of the usual implementations: 3,576,704 and 2,765,568
    # weights at 64x64x3.
    "paper": {
        "conditional": False,
        "batch_size": 128,
        "generator_lr": 2e-4,
        "generator_lr_decay_start": 0,
        "discriminator_lr": 2e-4,
        "clusters": 0,
        "loss": "non_saturating",
        "gradient_penalty": 0.0,
        "discriminator_norm": "batch",
        "beta_1": 0.5,
        "ema_decay": 0.0,
        "latent_dim": 100,
        "kernel": 4,
        "generator_width": 64,
        "discriminator_width": 64,
        "discriminator_hidden": 0,
        "downsampling": "strided",
        "upsampling": "transposed",
    },
}
"""By preset, the values of the options of `TrainConfig` that are not given."""

NETWORK_OPTIONS = ("latent_dim", "generator_width", "discriminator_width", "discriminator_hidden")
NETWORK_OPTIONS += ("discriminator_norm", "kernel", "upsampling", "downsampling")
"""The options of the group Network. With `--init-from`, those that are not given are that run's."""

_LARGE_IMAGES = {"latent_dim": 100, "kernel": 4, "generator_width": 32, "discriminator_width": 32}
_LARGE_IMAGES |= {"upsampling": "transposed", "discriminator_hidden": 0, "batch_size": 32}
_LARGE_IMAGES |= {"generator_lr_decay_start": 0}
"""What the preset `default` has instead for images of more than `SMALL_SIDE` pixels. Narrow networks make three times
as many steps in the same time, and batches of 32 another 1.7 times. With nearest upsampling the discriminator wins: on
emoji of 64 pixels the distance rises again after 500 steps, with a hidden layer and without (docs/results.md). A
falling learning rate of the generator makes no difference to them."""

_LARGE_IMAGES_ON_GPU = {"generator_width": 64, "discriminator_width": 64, "batch_size": 64}
"""On a GPU, where steps are cheap, they are wider and see more images. What is best there has not been measured."""

LABELED_CLUSTERS = {"cifar10": 100, "fashion_mnist": 200}
"""Numbers of clusters of images with labels, by dataset: those that measured better than none (docs/results.md)."""

_STACKED_MNIST = {"latent_dim": 100, "kernel": 4, "generator_width": 64, "discriminator_width": 64}
_STACKED_MNIST |= {"discriminator_hidden": 0, "clusters": 0}
"""Stacked digits, whose thousand classes are independent digits in three channels."""


STEPS = 4000
"""Steps of a run without `--steps` and `--epochs`. At batch size 64 they end within 10 minutes on two cores, and the
digits are readable."""

INTERVALS = {"save_every": 500, "sample_every": 250, "log_every": 50}
"""Steps between two checkpoints, sample grids and logged steps, where they are not given: seconds on a CPU."""

GPU_INTERVAL_FACTOR = 10
"""On a GPU the intervals are so many times longer. On an H200, 500 steps of DCGAN-64 take a second, and the checkpoint
and the two grids of that time another."""


@dataclass(frozen=True)
class TrainConfig(DataConfig):
    """Train a DCGAN, or resume the training in `--run-dir`; the command is the same.

    Args:
        preset: values of the options that are not given: `default` has the best measured, `paper` those of the DCGAN
            paper, without labels and EMA.
        run_dir: folder of the run; by default `checkpoints/` and the name of the dataset.
        init_from: begin a new run, with optimizers of its own, with the weights of another run: folder of that run, the
            name of a pretrained one (mnist, fashion_mnist, emoji), or a repository as `hf://user/name`. The images,
            their size and classes may be others: every layer that fits is taken over, and a line says which begin
            afresh. Options of the networks that are not given are those of that run.
        init_weights: generator weights of that run to begin with: `ema`, `raw` or `best`; see `generate --weights`. The
            discriminator has only raw ones.
        init_scale: `fresh` scales the kernels of that run as those of new networks are, and begins the statistics of
            BatchNorm afresh: for other images. `keep` begins with the very function: for images of the same kind.
        freeze_d: number of the discriminator's first layers that keep the weights of `--init-from`, with their
            BatchNorm: its statistics no longer follow the batches (FreezeD); 0 trains all.
        steps: stop when the run has this many steps; by default 4,000, or where `--epochs` ends the run.
        epochs: stop after this many passes over the dataset, or at `--steps` if that is given and earlier.
        minutes: stop after this many minutes of training in this call, if that is earlier.
        batch_size: number of images per step, over all devices; by default 64, on a CPU 32 for images of more than 32
            pixels per side, `paper` 128.
        conditional: condition both networks on the class labels, so that images of a given class can be generated; by
            default if the images have labels of 2 to 100 classes, each with at least one image.
        clusters: divide the images into about so many clusters of similar ones before training, those of each class by
            themselves, and condition both networks on the cluster as well; at most one cluster per 50 images, 0 for
            none; by default one per 300 images without labels, at most 200; 100 for `cifar10`, 200 for
            `fashion_mnist`, and none for other images with labels, `stacked_mnist` and `paper`.
        augment: differentiable augmentations (DiffAugment) of the real and fake images that the discriminator sees,
            separated by commas: color, translation, cutout; `none` for none; `auto` for translation if there are fewer
            than 5,000 images, otherwise and with `paper` none.
        adaptive_augment: apply each augmentation to an image with a probability that begins at 0, and rises up to 0.8
            while the discriminator takes more than four in five real images for real (ADA); by default with `auto`.
        flip: mirror half of the images horizontally, at random; not for digits or letters.
        seed: seed of all random numbers of the run.
        generator_lr: learning rate of Adam for the generator; by default 5e-4, `paper` 2e-4.
        generator_lr_decay_start: step from which on the generator's learning rate falls in inverse proportion to the
            step, down to a fifth, while the discriminator's stays; 0 for a constant rate; by default 3,000, and 0 for
            images of more than 32 pixels per side and `paper`.
        discriminator_lr: learning rate of Adam for the discriminator; by default 5e-4, `paper` 2e-4.
        loss: losses of both networks: `non_saturating` compares each image's logit with 0; `relativistic` compares the
            logits of a real and a fake image with each other; by default non_saturating.
        gradient_penalty: weight γ of a penalty on the gradients of the discriminator's logit with respect to real and
            fake images (R1 and R2, approximated by adding noise); 0 for none, which is the default.
        beta_1: decay of Adam's first moment; by default 0.5.
        ema_decay: decay of the exponential moving average (EMA) of the generator's weights, which images are generated
            with; 0 turns it off; by default 0.9999, `paper` 0.
        latent_dim: length of the latent vector; by default 64, and 100 for images of more than 32 pixels per side,
            `stacked_mnist` and `paper`.
        generator_width: filters of the generator's last hidden layer, doubled for every layer before it; by default 48,
            32 for images of more than 32 pixels per side (64 on a GPU), and 64 for `stacked_mnist` and `paper`.
        discriminator_width: filters of the discriminator's first layer, doubled for every layer after it; by default
            32, and 64 on a GPU for images of more than 32 pixels per side, and for `stacked_mnist` and `paper`.
        discriminator_hidden: units of a hidden layer between the discriminator's last feature maps and its logit, 0 for
            none; by default 256, and 0 for images of more than 32 pixels per side, `stacked_mnist` and `paper`, for
            batches of one image, and with an upsampling other than nearest or bilinear.
        discriminator_norm: `batch` for BatchNorm in the discriminator; `none` for biases and larger initial weights
            instead, as a gradient penalty needs it; by default batch.
        kernel: kernel size of the convolutions in pixels; even sizes overlap evenly at stride 2; by default 6, and 4
            for images of more than 32 pixels per side, `stacked_mnist` and `paper`. Convolutions of stride 1 use the
            next smaller odd size, at least 3.
        upsampling: how the generator upsamples: by `transposed` convolutions; by `nearest` or `bilinear` resizing and a
            convolution, where `nearest` is fused into one transposed convolution; by `subpixel` convolutions, whose
            maps are rearranged into blocks of pixels; or by max-unpooling and a convolution, `unpool`, with fixed
            switches, since a generator has no encoder to record them; by default nearest, and transposed for images of
            more than 32 pixels per side and `paper`.
        downsampling: how the discriminator downsamples: by `strided` convolutions, or by convolutions and 2x2
            max-pooling, `maxpool`; by default strided.
        precision: precision of the computation; weights, optimizer states, EMA and BatchNorm statistics are always
            float32. `auto` takes what measures best on the device without a loss of quality: mixed_bfloat16 on NVIDIA
            GPUs from Ampere on, float32 elsewhere; a resumed run keeps it.
        compile: what XLA compiles: several whole steps as one program, `xla`; nothing, `none`; or what measured faster
            on the type of device, `auto`: on one GPU `xla`. Results differ by rounding.
        strategy: devices that share each batch: one, `single`; the GPUs of this machine, `mirrored`; all machines that
            `TF_CONFIG` names, `multi_worker`; or those that make training faster, `auto`. Results differ by rounding.
        health_checks: check losses and sample diversity during training: warn when the discriminator wins or the
            evaluation gets worse; on collapse, on NaN or infinite values, or when the discriminator wins in 20
            consecutive checks, roll back to the last healthy checkpoint and halve the learning rates. Without them, NaN
            or infinite values end the training.
        evaluate_every: evaluate the EMA generator every so many steps by Fréchet distance, precision and recall, on
            validation images that `evaluate` does not use, and keep the best one as `best.keras`.
        evaluate_num: number of images to generate for an evaluation, at most.
        features: features in which an evaluation compares images: `classifier`, `inception`, `inception-2015` or a
            `.keras` file; see `evaluate`.
        save_every: save a checkpoint every so many steps; after a crash, at most these are lost; by default 500, on a
            GPU 5000.
        sample_every: save a grid of generated images every so many steps; by default 250, on a GPU 2500.
        log_every: log losses and other metrics every so many steps; by default 50, on a GPU 500.
        keep_checkpoints: number of checkpoints to keep.
        tensorboard: write TensorBoard summaries to the run directory as well: metrics, sample grids, options, and in
            the end the discriminator's embeddings of real and generated images; view with
            `tensorboard --logdir checkpoints`.
        animate: in the end, animate the sample grids as `history.gif`.
    """

    preset: Preset = option("default", "Training", changes_result=False)  # its values are compared
    run_dir: Path | None = option(None, "Run", changes_result=False)
    init_from: str | None = option(None, "Initial weights")
    init_weights: Weights = option("ema", "Initial weights")
    init_scale: InitScale = option("fresh", "Initial weights")
    freeze_d: NonNegativeInt = option(0, "Initial weights")
    steps: PositiveInt | None = option(None, "Run", changes_result=False)
    epochs: PositiveFloat | None = option(None, "Run", changes_result=False)
    minutes: PositiveFloat | None = option(None, "Run", changes_result=False)
    batch_size: PositiveInt | None = option(None, "Training")
    conditional: bool | None = option(None, "Training")
    clusters: Clusters | None = option(None, "Training")
    augment: str | None = option("auto", "Training")
    adaptive_augment: bool | None = option(None, "Training")
    flip: bool = option(False, "Training")
    seed: Seed = option(0, "Training")
    generator_lr: PositiveFloat | None = option(None, "Training")
    generator_lr_decay_start: NonNegativeInt | None = option(None, "Training")
    discriminator_lr: PositiveFloat | None = option(None, "Training")
    loss: Literal["non_saturating", "relativistic"] | None = option(None, "Training")
    gradient_penalty: NonNegativeFloat | None = option(None, "Training")
    beta_1: Decay | None = option(None, "Training")
    ema_decay: UnitInterval | None = option(None, "Training")
    latent_dim: PositiveInt | None = option(None, "Network")
    generator_width: PositiveInt | None = option(None, "Network")
    discriminator_width: PositiveInt | None = option(None, "Network")
    discriminator_hidden: NonNegativeInt | None = option(None, "Network")
    discriminator_norm: Literal["batch", "none"] | None = option(None, "Network")
    # Stride 2 divides 4 and 6, so every output pixel sums as many products as its neighbor (Odena et al. 2016).
    kernel: KernelSize | None = option(None, "Network")
    upsampling: Upsampling | None = option(None, "Network")
    downsampling: Literal["strided", "maxpool"] | None = option(None, "Network")
    device: str = device_option()
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = option("auto", "Computation")
    compile: Literal["auto", "xla", "none"] = option("auto", "Computation", changes_result=False)
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = option(
        "auto", "Computation", changes_result=False
    )
    health_checks: bool = option(True, "Run")
    evaluate_every: PositiveInt | None = option(None, "Run", changes_result=False)
    # The size of MNIST's and CIFAR-10's test splits; the Fréchet distance of fewer images is larger.
    evaluate_num: EvaluationImages = option(10_000, "Run", changes_result=False)
    features: str = option("classifier", "Run", changes_result=False)
    save_every: PositiveInt | None = option(None, "Run", changes_result=False)
    sample_every: PositiveInt | None = option(None, "Run", changes_result=False)
    log_every: PositiveInt | None = option(None, "Run", changes_result=False)
    # One more than resuming needs, in case the newest is damaged.
    keep_checkpoints: PositiveInt = option(2, "Run", changes_result=False)
    tensorboard: bool = option(True, "Run", changes_result=False)
    animate: bool = option(False, "Run", changes_result=False)

    def __post_init__(self):
        """Normalize `init_from` and `augment`: each name once, in the order of `AUGMENTATIONS`, None for `none`."""
        if isinstance(self.init_from, Path) or (self.init_from and "://" not in self.init_from):
            object.__setattr__(self, "init_from", str(to_path(self.init_from)))
        super().__post_init__()
        needing = {"freeze-d": self.freeze_d != 0, "init-weights": self.init_weights != "ema"}
        needing["init-scale"] = self.init_scale != "fresh"
        if self.init_from is None and any(needing.values()):
            name = next(name for name, given in needing.items() if given)
            raise UserError(f"--{name} needs --init-from: the run whose weights the new one begins with.")
        if self.augment == "none":
            object.__setattr__(self, "augment", None)
        if self.augment not in (None, "auto"):
            given = {part.strip() for part in self.augment.split(",")} - {""}
            if not given <= set(AUGMENTATIONS):
                names = ", ".join(AUGMENTATIONS)
                raise UserError(f"--augment takes {names}, separated by commas, none or auto, not {self.augment!r}")
            text = ",".join(name for name in AUGMENTATIONS if name in given) or None
            object.__setattr__(self, "augment", text)
        if self.adaptive_augment and not self.augment:
            raise UserError(f"--adaptive-augment needs --augment: {', '.join(AUGMENTATIONS)}")

    def resolve(self, on_gpu: bool = False) -> "ResolvedTrainConfig":
        """Return the config with every option that was not given filled in.

        Args:
            on_gpu: whether training will use a GPU, on which the intervals are longer.

        Returns:
            The config that training uses. Resolving it again returns it unchanged.

        Raises:
            UserError: the batch size is 1, and the discriminator has a hidden layer.
        """
        defaults = PRESETS[self.preset]
        if self.preset == "default":
            defaults = defaults | self._size_defaults(on_gpu)
        if (self.upsampling or defaults["upsampling"]) not in RESIZE_UPSAMPLERS or self.batch_size == 1:
            defaults = defaults | {"discriminator_hidden": 0}
        factor = GPU_INTERVAL_FACTOR if on_gpu else 1
        defaults = defaults | {name: steps * factor for name, steps in INTERVALS.items()}
        if self.epochs is None:
            defaults = defaults | {"steps": STEPS}
        given: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        given |= {name: value for name, value in defaults.items() if given[name] is None}
        return ResolvedTrainConfig(**given)

    def resolve_augmentation(self, count: int) -> Self:
        """Return the config with the augmentation that `auto` stands for.

        Args:
            count: number of training images.
        """
        if self.augment != "auto":
            return replace(self, adaptive_augment=bool(self.adaptive_augment))
        if not self.adaptive_augment and (count >= FEW_IMAGES or self.preset == "paper"):
            return replace(self, augment=None, adaptive_augment=False)
        return replace(self, augment="translation", adaptive_augment=self.adaptive_augment is not False)

    def _size_defaults(self, on_gpu: bool) -> dict[str, Any]:
        """Return what the preset `default` has for images of this size, on this type of device."""
        if self.dataset == "stacked_mnist":
            return _STACKED_MNIST
        clusters = {"clusters": LABELED_CLUSTERS[self.dataset]} if self.dataset in LABELED_CLUSTERS else {}
        if max(parse_size(self.image_size or DEFAULT_SIZES.get(self.dataset, 64))) <= SMALL_SIDE:
            return clusters
        return clusters | _LARGE_IMAGES | (_LARGE_IMAGES_ON_GPU if on_gpu else {})

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names in `augment`; none while it is `auto`."""
        return () if self.augment in (None, "auto") else tuple(self.augment.split(","))


class ResolvedTrainConfig(TrainConfig):
    """The options that training uses, as `TrainConfig.resolve` returns them and `config.yaml` stores them.

    The fields are those of `TrainConfig`; those annotated here are filled in. A field that can still be None means no
    limit (`epochs`, `minutes`, and `steps` where there are epochs), off (`augment`, `evaluate_every`), or determined by
    the dataset (`image_size`, `crop`, `channels`, `conditional`, `clusters`, `adaptive_augment`, `run_dir`).
    """

    batch_size: int
    generator_lr: float
    generator_lr_decay_start: int
    discriminator_lr: float
    loss: str
    gradient_penalty: float
    beta_1: float
    ema_decay: float
    latent_dim: int
    generator_width: int
    discriminator_width: int
    discriminator_hidden: int
    discriminator_norm: str
    kernel: int
    upsampling: Upsampling
    downsampling: str
    save_every: int
    sample_every: int
    log_every: int

    def __post_init__(self):
        """Check the options that depend on each other."""
        super().__post_init__()
        if self.discriminator_hidden and self.batch_size == 1:
            raise UserError(
                "--batch-size 1 is too small for the BatchNorm of the discriminator's hidden layer.",
                "Use --batch-size 2 or more, or --discriminator-hidden 0.",
            )

    def resolve(self, on_gpu: bool = False) -> "ResolvedTrainConfig":
        """Return this config."""
        return self

    @property
    def discriminator_options(self) -> dict[str, Any]:
        """The arguments of `dcgan.networks.build_discriminator` that the generator does not have."""
        return {
            "width": self.discriminator_width,
            "hidden": self.discriminator_hidden,
            "norm": self.discriminator_norm,
            "downsampling": self.downsampling,
        }
