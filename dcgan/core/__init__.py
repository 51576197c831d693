"""Foundations that every other package may import: errors, sizes, classes, seeds, atomic files, devices."""
