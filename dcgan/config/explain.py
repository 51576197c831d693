"""Options of `python -m dcgan explain`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.data import DataConfig, Dataset
from dcgan.config.fields import ImagesPerMap, Seed, option, run_dir_option


@dataclass(frozen=True)
class ExplainConfig(DataConfig):
    """Show the images that activate the discriminator's feature maps most, and the pixels that cause it.

    The data options are those of the run, unless they are given.

    Args:
        dataset: data set to search for the images; by default the run's own.
        layer: layer whose feature maps are shown, as its name or as the number of a convolution stage, from 0 on; by
            default the last stage. A stage ends before the next convolution. The outputs of a dense layer count as
            feature maps; `logit` is the discriminator's output.
        maps: number of feature maps, from the first on, or their indices, as `3,5,9-12`; `6-6` is map 6 alone.
        rule: how an activation is propagated back to the pixels: `gradient`; `deconvnet`, of Zeiler and Fergus; or
            `guided` backpropagation, which combines both. Without max-pooling, `deconvnet` gives the same projection
            for every image.
        images: number of images per feature map, at most 100.
        whole: show whole images instead of the receptive field.
        random_weights: show the same for an untrained network beside it.
        seed: seed of the random weights.
        out: PNG file to write; by default a file in the run directory, which replaces an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Dataset | None = option(None, "Data")
    run_dir: Path | None = run_dir_option("Images")
    layer: str | None = option(None, "Images")
    # The DCGAN paper's figure 5 shows six, by guided backpropagation; Zeiler and Fergus, figure 2, nine images each.
    maps: str = option("6", "Images")
    rule: Literal["guided", "deconvnet", "gradient"] = option("guided", "Images")
    images: ImagesPerMap = option(9, "Images")
    whole: bool = option(False, "Images")
    random_weights: bool = option(False, "Images")
    seed: Seed = option(0, "Images")
    out: Path | None = option(None, "Images")
    overwrite: bool = option(False, "Images")
