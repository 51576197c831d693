# Image of the program for a CPU or an NVIDIA GPU:
#
#   docker build -t dcgan .
#   docker build -t dcgan:gpu --build-arg DEVICE=gpu .
#   docker run --rm -v "$PWD:/work" dcgan train --steps 1000
#   docker run --rm -v "$PWD:/work" --gpus all dcgan:gpu train --device gpu
#
# The GPU image brings CUDA as Python packages; the host needs NVIDIA's driver and container toolkit (docs/gpu.md).
FROM python:3.11-slim

# cpu or gpu
ARG DEVICE=cpu

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/cache \
    KERAS_HOME=/cache/keras \
    MPLCONFIGDIR=/cache/matplotlib \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# The packages first: they change less often than the program, so that Docker reuses this layer.
COPY requirements.txt /build/
RUN case "$DEVICE" in \
        cpu) pip install -r /build/requirements.txt ;; \
        gpu) pip install -r /build/requirements.txt 'tensorflow[and-cuda]==2.21.0' ;; \
        *) echo "DEVICE is '$DEVICE'; expected cpu or gpu." >&2; exit 1 ;; \
    esac

COPY pyproject.toml README.md LICENSE /build/
COPY checkpoints/mnist /build/checkpoints/mnist
COPY dcgan /build/dcgan
RUN pip install --no-deps /build

# Whatever user the container runs as (docker run --user) can write to both folders.
RUN useradd --create-home --uid 1000 dcgan \
    && install -d -m 1777 /work /cache
USER dcgan
WORKDIR /work

ENTRYPOINT ["dcgan"]
CMD ["--help"]
