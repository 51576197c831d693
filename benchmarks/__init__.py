"""Benchmarks: each answers one question with `python -m benchmarks.NAME`; see `benchmarks/README.md`.

The modules that compare speed import neither TensorFlow nor `dcgan`. Both read settings once, at their import, and
these settings differ between baselines, so only the worker processes (`benchmarks.workers`) import them.
"""
