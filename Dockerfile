# Two images of the app:
#   docker build -t neuroceleb .                                          for NVIDIA GPUs and CPUs
#   docker build -t neuroceleb:cpu --build-arg PACKAGES=cpu --build-arg TORCH_INDEX_URL=URL .
# URL is the address of PyTorch's package index for CPUs, from its installation page. Then:
#   docker run --rm -p 127.0.0.1:7860:7860 -v neuroceleb:/data neuroceleb --auth USER:PASSWORD
#   docker run --gpus all …                                               with the NVIDIA runtime
# The container listens on all of its own addresses, so only visitors with the password may train.

ARG PACKAGES=nvidia

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./

FROM base AS cpu-packages
ARG TORCH_INDEX_URL
RUN test -n "$TORCH_INDEX_URL" \
    && pip install --index-url "$TORCH_INDEX_URL" \
        $(grep -oE '^(torch|torchvision)==[0-9.]+' requirements.lock) \
    && grep -vE '^(cuda-|nvidia-|triton)' requirements.lock > cpu.lock \
    && pip install -r cpu.lock

FROM base AS nvidia-packages
RUN pip install -r requirements.lock

FROM ${PACKAGES}-packages
COPY app.py ./
COPY neuroceleb neuroceleb
COPY checkpoints /data/checkpoints
RUN useradd --create-home app && mkdir -p /data/datasets && chown -R app /data
USER app
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz')"]
ENTRYPOINT ["python", "app.py", "--host", "0.0.0.0", "--workspace", "/data"]
