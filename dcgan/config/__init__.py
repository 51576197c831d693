"""One frozen dataclass a command: every option, its default and its reason.

The command line, `--help`, `--print-config`, the run's `config.yaml` and the validation are all derived from
these classes (see `dcgan.cli.main`). A field's help text is its entry under `Args`.
"""

from dcgan.config.data import DATASETS, DataConfig, PrepareConfig
from dcgan.config.evaluate import EvaluateConfig
from dcgan.config.explain import ExplainConfig
from dcgan.config.export import ExportConfig
from dcgan.config.fields import differing_options, option, result_options
from dcgan.config.generate import GenerateConfig
from dcgan.config.latent_space import DropConfig, EditConfig, ProjectConfig
from dcgan.config.train import AUGMENTATIONS, PRESETS, SMALL_DATASETS, UPSAMPLERS, ResolvedTrainConfig, TrainConfig

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "PRESETS",
    "SMALL_DATASETS",
    "UPSAMPLERS",
    "DataConfig",
    "DropConfig",
    "EditConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "ExportConfig",
    "GenerateConfig",
    "PrepareConfig",
    "ProjectConfig",
    "ResolvedTrainConfig",
    "TrainConfig",
    "differing_options",
    "option",
    "result_options",
]
