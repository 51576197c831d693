"""Options of the command `doctor`: those of `train`, and what is checked and where the report goes."""

from dataclasses import dataclass, fields
from pathlib import Path

from dcgan.config.fields import NonNegativeFloat, PositiveInt, option
from dcgan.config.train import ResolvedTrainConfig, TrainConfig


@dataclass(frozen=True)
class DoctorConfig(TrainConfig):
    """Check images, machine and plan before a training: give it the options of `train`, and it trains nothing.

    It says what is wrong with the images, whether the GPU is used, and how long the run will take, in how much memory
    and disk. Nothing is written but `--json` and `--out`.

    Args:
        check_images: number of image files to decode, at most; of more files, so many are chosen at random.
        check_seconds: time some training steps for at most so many seconds, compilation not counted; 0 for none.
        json: file for the report, with every figure.
        out: PNG file for a contact sheet of the images as the networks will see them.
        overwrite: replace `--json` and `--out` if they exist.
    """

    check_images: PositiveInt = option(2000, "Doctor", changes_result=False)
    check_seconds: NonNegativeFloat = option(60.0, "Doctor", changes_result=False)
    json: Path | None = option(None, "Doctor", changes_result=False)
    out: Path | None = option(None, "Doctor", changes_result=False)
    overwrite: bool = option(False, "Doctor", changes_result=False)

    def training(self) -> TrainConfig:
        """Return the options of the training that is planned."""
        return TrainConfig(**{f.name: getattr(self, f.name) for f in fields(TrainConfig)})

    def resolve(self, on_gpu: bool = False) -> ResolvedTrainConfig:
        """Return the config of the training that is planned, with every option filled in."""
        return self.training().resolve(on_gpu)
