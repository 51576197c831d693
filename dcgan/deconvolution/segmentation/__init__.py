"""Labels for every pixel, by a network grown from a discriminator: canvases, the network, its training, its mean IoU.

The names are imported when they are first asked for.
"""

from dcgan.core.lazy_import import exporter

_HOMES = {
    "Canvases": "dcgan.deconvolution.segmentation.canvases",
    "split_digits": "dcgan.deconvolution.segmentation.canvases",
    "confusion": "dcgan.deconvolution.segmentation.training",
    "mean_iou": "dcgan.deconvolution.segmentation.training",
    "build_segmenter": "dcgan.deconvolution.segmentation.network",
    "grown_from": "dcgan.deconvolution.segmentation.network",
    "strides_of": "dcgan.deconvolution.segmentation.network",
    "trunk_of": "dcgan.deconvolution.segmentation.network",
    "comparison_sheet": "dcgan.deconvolution.segmentation.figures",
    "in_colours": "dcgan.deconvolution.segmentation.figures",
    "Rung": "dcgan.deconvolution.segmentation.training",
    "measure": "dcgan.deconvolution.segmentation.training",
    "segment": "dcgan.deconvolution.segmentation.training",
    "train_ladder": "dcgan.deconvolution.segmentation.training",
    "train_segmenter": "dcgan.deconvolution.segmentation.training",
}

__all__ = sorted(_HOMES)
__getattr__ = exporter(__name__, _HOMES)
