"""The family around the transposed convolution: its matrix, unpooling, unsampling, networks of any size, sparse codes.

The names are imported when they are first asked for: the matrix and the fixed kernels need NumPy and SciPy
alone, and a process that only wants those starts quickly. A saved model with a layer of this package loads once
the layer's class has been imported from here.
"""

from dcgan.lazy import exporter

_HOMES = {
    "convolution_matrix": "dcgan.deconvolution.matrix",
    "bilinear_kernel": "dcgan.deconvolution.kernels",
    "nearest_kernel": "dcgan.deconvolution.kernels",
    "subpixel_kernel": "dcgan.deconvolution.kernels",
    "zero_insertion_kernel": "dcgan.deconvolution.kernels",
    "max_pool_with_switches": "dcgan.deconvolution.unpooling",
    "max_unpool": "dcgan.deconvolution.unpooling",
    "MaxPooling2DWithSwitches": "dcgan.deconvolution.layers",
    "MaxUnpooling2D": "dcgan.deconvolution.layers",
    "unsample": "dcgan.deconvolution.unsampling",
    "upsample": "dcgan.deconvolution.unsampling",
    "route_by_switch": "dcgan.deconvolution.unsampling",
    "unpool_by_convolution": "dcgan.deconvolution.unsampling",
    "DenseConvolution": "dcgan.deconvolution.convolutional",
    "fully_convolutional": "dcgan.deconvolution.convolutional",
    "SparseCoding": "dcgan.deconvolution.sparse_coding",
    "learn_sparse_coding": "dcgan.deconvolution.sparse_coding",
}

__all__ = sorted(_HOMES)
__getattr__ = exporter(__name__, _HOMES)
