"""What a training says and leaves before its first and after its last step."""

from dcgan import data
from dcgan.classes import Classes
from dcgan.config import TrainConfig
from dcgan.pictures import save_curves
from dcgan.restoring import load_discriminator
from dcgan.runs import Run
from dcgan.sampling.history import animate
from dcgan.training import cluster, projector
from dcgan.training.contact import save_contact_sheet
from dcgan.training.monitor import Monitor
from dcgan.training.saving import show_real_images
from dcgan.training.trainer import Trainer


def introduce(run: Run, images: data.ImageSet, trainer: Trainer, last: int, device: str, job: cluster.Job) -> None:
    """Say what is about to happen, and draw what the network will see."""
    if not job.is_chief:
        print(f"{job.description.lstrip(', ')}; what happens is shown by worker 0")
        return
    height, width = images.image_size
    print(f"{images.name}: {len(images.images)} images of {height}x{width}x{images.channels} on {device}")
    if trainer.step >= last:
        print(f"{run.path} already holds {trainer.step} steps; a larger --steps or --epochs goes on.")
    elif trainer.step:
        print(f"{run.path}: going on after step {trainer.step}, to step {last}")
    else:
        show_real_images(run, images.images)
        print(f"{run.path}: a new run of {last} steps; the first one takes longer")
    if trainer.config.tensorboard and trainer.step < last:
        print(f"Watch it in a browser: tensorboard --logdir {run.path.parent}")


def finish(
    config: TrainConfig, run: Run, images: data.ImageSet, classes: Classes | None, trainer: Trainer, monitor: Monitor
) -> None:
    """Leave the discriminator, curves, pictures beside real ones and the animation, and say what to do next."""
    if run.states.exist():
        *size, channels = trainer.discriminator.inputs[0].shape[1:]
        discriminator = load_discriminator(run, tuple(size), channels)  # no part of a strategy, as the trainer's is
        run.save_discriminator(discriminator)
        if monitor.board and monitor.first <= monitor.last == trainer.step:
            monitor.board.embedding(
                lambda folder: projector.write_embedding(
                    folder, discriminator, [projector.real(images), projector.drawn(trainer.snapshot(), classes)]
                )
            )
    if records := run.records():
        save_curves(run.path / "curves.png", records)
    print(f"Real images beside drawn ones: {save_contact_sheet(run, trainer.snapshot(), images, classes)}")
    if config.animate:
        print(f"History: {animate(run, run.path / 'history.gif')}")
    if trainer.step < monitor.last:
        print(f"Stopped and saved after step {trainer.step} of {monitor.last}. The same line goes on from here.")
        return
    print(f"{run.path} holds {trainer.step} steps. Last grid: {run.sample_file(trainer.step)}")
    print(f"Draw new pictures: python generate.py --run-dir {run.path}")
