"""The run directory: the whole run, and what is where in it.

config.yaml       the options; with them, `python train.py --config` begins the same run again
log.jsonl         one object a logged step
samples/          real.png and one grid for every --sample-every steps
checkpoints/      what going on needs: both networks, both optimizers, the averaged generator, the step
classes.json      of a conditional run: its classes' names and shares
generator.keras   what drawing needs; loads with plain `keras.models.load_model`
discriminator.keras  as training ended; what explaining needs once there is no state, as in a run that is handed on
health.jsonl      one object for everything that went wrong and what was done about it
health_state.jsonl  one object a state: whether all was well, and what the guard has to remember
best.keras        with --evaluate-every: the generator when it was nearest to the data; best.json says how near
curves.png        at the end: the log, drawn
real-vs-generated.png  at the end: real images beside drawn ones
evaluation.json   what `python -m dcgan evaluate` found
README.md         of a generator that is handed on: how it was made and how good it is
tensorboard/      what TensorBoard shows: events, and the points of its projector
generated/        what `python generate.py` drew; beside it explained/, exported/, projected/, turned/ and dropped/
"""

from dcgan.runs.checkpoints import UNREADABLE, Checkpoints
from dcgan.runs.keras_models import assign_weights
from dcgan.runs.locking import find_run, open_run
from dcgan.runs.run import CHECKPOINTS, Run

__all__ = ["CHECKPOINTS", "UNREADABLE", "Run", "Checkpoints", "assign_weights", "find_run", "open_run"]
