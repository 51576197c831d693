"""The transposed convolution and its relatives: matrix, unpooling, fixed kernels, networks of any size, sparse coding.

Names are imported on first use: the matrix and the fixed kernels need NumPy and SciPy alone, and a process that uses
nothing else starts quickly. A saved model with a layer of this package loads once the layer's class has been imported
from here.
"""

from dcgan.core.imports import lazy_exporter

_MODULES = {
    "convolution_matrix": "dcgan.deconvolution.matrix",
    "Sliding": "dcgan.deconvolution.sliding",
    "matrix_figure": "dcgan.deconvolution.matrix_figures",
    "sliding_frames": "dcgan.deconvolution.matrix_figures",
    "bilinear_kernel": "dcgan.deconvolution.kernels",
    "nearest_kernel": "dcgan.deconvolution.kernels",
    "subpixel_kernel": "dcgan.deconvolution.kernels",
    "zero_insertion_kernel": "dcgan.deconvolution.kernels",
    "max_pool_with_switches": "dcgan.deconvolution.unpooling",
    "max_unpool": "dcgan.deconvolution.unpooling",
    "MaxPooling2DWithSwitches": "dcgan.deconvolution.unpooling",
    "MaxUnpooling2D": "dcgan.deconvolution.unpooling",
    "unsample": "dcgan.deconvolution.unsampling",
    "upsample": "dcgan.deconvolution.unsampling",
    "route_by_switch": "dcgan.deconvolution.unsampling",
    "unpool_by_convolution": "dcgan.deconvolution.unsampling",
    "checkerboard_contrast": "dcgan.deconvolution.checkerboard",
    "checkerboard_energy": "dcgan.deconvolution.checkerboard",
    "fully_convolutional": "dcgan.deconvolution.fcn",
    "recompute_bn_statistics": "dcgan.deconvolution.fcn",
    "ClassChannel": "dcgan.deconvolution.fcn_layers",
    "DenseConvolution": "dcgan.deconvolution.fcn_layers",
    "PointwiseBatchNorm": "dcgan.deconvolution.fcn_layers",
    "SparseCoding": "dcgan.deconvolution.sparse_coding",
    "learn_sparse_coding": "dcgan.deconvolution.sparse_coding",
    "DeepSparseCoding": "dcgan.deconvolution.deep_sparse_coding",
    "Plan": "dcgan.deconvolution.deep_sparse_coding_learning",
    "atom_images": "dcgan.deconvolution.deep_sparse_coding_learning",
    "backpropagate": "dcgan.deconvolution.deep_sparse_coding_learning",
    "learn_deep_sparse_coding": "dcgan.deconvolution.deep_sparse_coding_learning",
    "build_autoencoder": "dcgan.deconvolution.autoencoder",
    "denoise": "dcgan.deconvolution.autoencoder",
    "train_autoencoder": "dcgan.deconvolution.autoencoder",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
