"""The doctor: what can be said about a training before it is started.

Importing this package does not load TensorFlow; `diagnose` does when it is called.
"""

from dcgan.doctor.diagnose import diagnose

__all__ = ["diagnose"]
