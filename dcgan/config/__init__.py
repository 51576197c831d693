"""The options of every command, as one frozen dataclass per command.

The command line, `--help`, `--print-config`, a run's `config.yaml` and the validation are derived from these classes
(see `dcgan.config.parser`). The help text of an option is the entry of its field under `Args`.
"""

from dcgan.config.data import DATASETS, DataConfig, PrepareConfig
from dcgan.config.doctor import DoctorConfig
from dcgan.config.fields import PRETRAINED_NAMES, differing_options, option, result_options
from dcgan.config.generate import GenerateConfig
from dcgan.config.latent_space import EditConfig, ProjectConfig
from dcgan.config.run_commands import EvaluateConfig, ExplainConfig, ExploreConfig, ExportConfig, LessonConfig
from dcgan.config.train import AUGMENTATIONS, PRESETS, UPSAMPLERS, ResolvedTrainConfig, TrainConfig

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "PRESETS",
    "PRETRAINED_NAMES",
    "UPSAMPLERS",
    "DataConfig",
    "DoctorConfig",
    "EditConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "ExploreConfig",
    "ExportConfig",
    "GenerateConfig",
    "LessonConfig",
    "PrepareConfig",
    "ProjectConfig",
    "ResolvedTrainConfig",
    "TrainConfig",
    "differing_options",
    "option",
    "result_options",
]
