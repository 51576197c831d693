"""Options of the command that draws which contradict each other."""

from dcgan.config import GenerateConfig
from dcgan.core.errors import UserError
from dcgan.sampling.latent_arithmetic import parse_arithmetic
from dcgan.sampling.output_path import kind_of


def check(config: GenerateConfig) -> None:
    """Refuse options that contradict each other, rather than leave one of them out.

    Raises:
        UserError: naming them.
    """
    kind = kind_of(config.out) if config.out is not None else "animation" if config.animate else "grid"
    if config.seeds is not None and config.num is not None:
        raise UserError("--seeds and --num both say which pictures to draw.", "Leave one of them out.")
    others = (config.seeds, config.num, config.walk, config.label)
    if config.animate and (any(option is not None for option in others) or kind != "animation"):
        hint = "Leave out --seeds, --num, --label and --walk."
        raise UserError("--animate shows the run's history in a .gif or .mp4.", hint)
    _check_latent_space(config, kind)
    if config.walk and kind not in ("grid", "animation"):
        raise UserError(f"A walk can't be written to {config.out}.", "Take --out NAME.png, NAME.gif or NAME.mp4.")
    others = (config.walk, config.columns, config.arithmetic, config.along, config.animate or None)
    if config.stages and (any(option is not None for option in others) or kind != "grid"):
        hint = "Take --out NAME.png, and leave out --walk, --columns, --arithmetic, --along and --animate."
        raise UserError("--stages draws a row a seed.", hint)
    if config.beside is not None and not config.stages:
        raise UserError("--beside names runs whose stages are compared.", "Add --stages, or leave it out.")
    if config.columns and (config.walk or kind != "grid"):
        raise UserError("--columns is for a grid of seeds.", "Leave it out here.")


def _check_latent_space(config: GenerateConfig, kind: str) -> None:
    """The same for what is done with the latents of seeds."""
    for expression in (config.arithmetic, config.along):
        if expression is not None:
            parse_arithmetic(expression)
    others = (config.seeds, config.num, config.walk, config.columns, config.along)
    if config.arithmetic is not None and (any(option is not None for option in others) or config.animate):
        hint = "Leave out --seeds, --num, --walk, --columns, --along and --animate."
        raise UserError("--arithmetic names its own seeds.", hint)
    if config.arithmetic is not None and kind not in ("grid", "array"):
        raise UserError(f"Arithmetic can't be written to {config.out}.", "Take --out NAME.png or NAME.npy.")
    if config.cloud is not None and config.arithmetic is None:
        raise UserError("--cloud is drawn around the result of --arithmetic.", "Leave it out here.")
    if config.along is not None and (config.animate or config.columns or kind != "grid"):
        raise UserError("--along draws a row a seed.", "Take --out NAME.png, and leave out --columns and --animate.")
    if config.along is not None and config.walk == 1:
        raise UserError("A row of one picture leads nowhere.", "Take --walk 2 or more.")
