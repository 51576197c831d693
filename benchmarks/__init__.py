"""Measurements: one command a question, each `python -m benchmarks.NAME`; see `benchmarks/README.md`.

The modules of this folder import neither TensorFlow nor `dcgan`: settings that both read once, at their import, differ
from baseline to baseline, so only the workers (`benchmarks.workers`) import them.
"""
