"""The run directory, which holds everything about a training run.

config.yaml            resolved options; `python train.py --config` starts the same training again
log.jsonl              losses and other metrics, one JSON object per logged step
samples/               grid of real images (real.png) and one grid of generated images every --sample-every steps
checkpoints/           what resuming needs: weights, EMA weights and optimizer states by step
generator.keras        EMA generator; loads with `keras.models.load_model`
discriminator.keras    discriminator at the end of training, for runs that are published without checkpoints
classes.json           of a conditional run: names and probabilities of its classes
health.jsonl           health events: warnings, and rollbacks with their reasons
best.keras, best.json  with --evaluate-every: the EMA generator with the best evaluation, and its metrics
curves.png             the log as curves, written at the end of training
real-vs-generated.png  real images beside generated ones, written at the end of training
tensorboard/           TensorBoard events and embeddings
evaluation.json        report of `python -m dcgan evaluate`
generated/             images of `python generate.py`; explained/, exported/, projected/ and edited/ likewise
README.md              of a published generator: its model card
"""

from dcgan.runs.checkpoints import Checkpoints
from dcgan.runs.finding import PRETRAINED, default_run_dir, find_run
from dcgan.runs.keras_models import assign_weights
from dcgan.runs.locking import open_run
from dcgan.runs.run import CHECKPOINTS, Run

__all__ = [
    "CHECKPOINTS",
    "PRETRAINED",
    "Checkpoints",
    "Run",
    "assign_weights",
    "default_run_dir",
    "find_run",
    "open_run",
]
