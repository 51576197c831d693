"""Labels for every pixel, by a network grown from a discriminator: canvases, the network, its training, its mean IoU.

The names are imported when they are first asked for.
"""

from dcgan.core.lazy_import import lazy_exporter

_MODULES = {
    "Canvases": "dcgan.deconvolution.segmentation.canvases",
    "split_digits": "dcgan.deconvolution.segmentation.canvases",
    "confusion": "dcgan.deconvolution.segmentation.training",
    "mean_iou": "dcgan.deconvolution.segmentation.training",
    "build_segmenter": "dcgan.deconvolution.segmentation.network",
    "copy_shared_weights": "dcgan.deconvolution.segmentation.network",
    "trunk_strides": "dcgan.deconvolution.segmentation.network",
    "build_trunk": "dcgan.deconvolution.segmentation.network",
    "comparison_grid": "dcgan.deconvolution.segmentation.figures",
    "colorize_labels": "dcgan.deconvolution.segmentation.figures",
    "LadderStep": "dcgan.deconvolution.segmentation.training",
    "measure": "dcgan.deconvolution.segmentation.training",
    "segment": "dcgan.deconvolution.segmentation.training",
    "train_ladder": "dcgan.deconvolution.segmentation.training",
    "train_segmenter": "dcgan.deconvolution.segmentation.training",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
