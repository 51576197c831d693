"""One frozen dataclass a command: every option, its default and its reason.

The command line, `--help`, `--print_config`, the run's `config.yaml` and the validation are all derived from
these classes (see `dcgan.cli.main`). A field's help text is its entry under `Args`.
"""

from dcgan.config.data import DATASETS, DataConfig, PrepareConfig
from dcgan.config.evaluate import EvaluateConfig, ExplainConfig
from dcgan.config.fields import decisive, differences, option
from dcgan.config.generate import ExportConfig, GenerateConfig
from dcgan.config.latent_space import DropConfig, ProjectConfig, TurnConfig
from dcgan.config.train import AUGMENTATIONS, RECIPES, SMALL, UPSAMPLINGS, TrainConfig

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "RECIPES",
    "SMALL",
    "UPSAMPLINGS",
    "DataConfig",
    "DropConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "ExportConfig",
    "GenerateConfig",
    "PrepareConfig",
    "ProjectConfig",
    "TrainConfig",
    "TurnConfig",
    "decisive",
    "differences",
    "option",
]
