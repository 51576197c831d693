"""The family around the transposed convolution: its matrix, unpooling, unsampling, networks of any size, sparse codes.

The names are imported when they are first asked for: the matrix and the fixed kernels need NumPy and SciPy
alone, and a process that only wants those starts quickly. A saved model with a layer of this package loads once
the layer's class has been imported from here.
"""

from dcgan.core.lazy_import import lazy_exporter

_MODULES = {
    "convolution_matrix": "dcgan.deconvolution.matrix",
    "backpropagate": "dcgan.deconvolution.backprop",
    "Sliding": "dcgan.deconvolution.matrix_figures",
    "matrix_figure": "dcgan.deconvolution.matrix_figures",
    "sliding_frames": "dcgan.deconvolution.matrix_figures",
    "bilinear_kernel": "dcgan.deconvolution.kernels",
    "nearest_kernel": "dcgan.deconvolution.kernels",
    "subpixel_kernel": "dcgan.deconvolution.kernels",
    "zero_insertion_kernel": "dcgan.deconvolution.kernels",
    "max_pool_with_switches": "dcgan.deconvolution.unpooling",
    "max_unpool": "dcgan.deconvolution.unpooling",
    "MaxPooling2DWithSwitches": "dcgan.deconvolution.unpooling_layers",
    "MaxUnpooling2D": "dcgan.deconvolution.unpooling_layers",
    "unsample": "dcgan.deconvolution.unsampling",
    "upsample": "dcgan.deconvolution.unsampling",
    "route_by_switch": "dcgan.deconvolution.unsampling",
    "unpool_by_convolution": "dcgan.deconvolution.unsampling",
    "checkerboard_contrast": "dcgan.deconvolution.checkerboard",
    "checkerboard_energy": "dcgan.deconvolution.checkerboard",
    "PointwiseBatchNorm": "dcgan.deconvolution.fcn",
    "ClassChannel": "dcgan.deconvolution.fcn",
    "DenseConvolution": "dcgan.deconvolution.fcn",
    "fully_convolutional": "dcgan.deconvolution.fcn",
    "recompute_bn_statistics": "dcgan.deconvolution.bn_statistics",
    "SparseCoding": "dcgan.deconvolution.sparse_coding",
    "learn_sparse_coding": "dcgan.deconvolution.sparse_coding",
    "DeepSparseCoding": "dcgan.deconvolution.deep_sparse_coding",
    "Plan": "dcgan.deconvolution.deep_filters",
    "learn_deep_sparse_coding": "dcgan.deconvolution.deep_filters",
    "atom_images": "dcgan.deconvolution.deep_filters",
    "build_autoencoder": "dcgan.deconvolution.autoencoder",
    "train_autoencoder": "dcgan.deconvolution.autoencoder",
    "denoise": "dcgan.deconvolution.autoencoder",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
