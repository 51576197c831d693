"""Semantic segmentation by a network built on a discriminator's convolutions: canvases, network, training, mean IoU.

Names are imported on first use.
"""

from dcgan.core.imports import lazy_exporter

_MODULES = {
    "Canvases": "dcgan.deconvolution.segmentation.canvases",
    "split_digits": "dcgan.deconvolution.segmentation.canvases",
    "build_segmenter": "dcgan.deconvolution.segmentation.network",
    "build_trunk": "dcgan.deconvolution.segmentation.network",
    "copy_shared_weights": "dcgan.deconvolution.segmentation.network",
    "trunk_strides": "dcgan.deconvolution.segmentation.network",
    "colorize_labels": "dcgan.deconvolution.segmentation.evaluation",
    "comparison_grid": "dcgan.deconvolution.segmentation.evaluation",
    "confusion": "dcgan.deconvolution.segmentation.evaluation",
    "mean_iou": "dcgan.deconvolution.segmentation.evaluation",
    "measure": "dcgan.deconvolution.segmentation.evaluation",
    "segment": "dcgan.deconvolution.segmentation.evaluation",
    "LadderStep": "dcgan.deconvolution.segmentation.training",
    "train_ladder": "dcgan.deconvolution.segmentation.training",
    "train_segmenter": "dcgan.deconvolution.segmentation.training",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
