"""Training: step, losses, loop, and what a person sees of it."""

from dcgan.training.loop import train

__all__ = ["train"]
