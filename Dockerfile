# syntax=docker/dockerfile:1
# Steadface over HTTP, with a token. Two targets: `cpu` for the preset preview, `cuda` for the presets with models on an
# NVIDIA GPU. How to build and run them: docs/install/docker.md.

FROM python:3.11.14-slim-bookworm AS sources
RUN python -m venv /opt/steadface
ENV PATH=/opt/steadface/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /sources
COPY pyproject.toml constraints.txt server.py README.md LICENSE CHANGELOG.md ./
COPY agent agent
COPY prompts prompts
COPY tools tools

FROM sources AS installed-cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt '.[qwen]'

FROM sources AS installed-cuda
# insightface without its dependencies: see arcface in pyproject.toml
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt '.[qwen,qwen-local,sdxl,arcface,wan]' \
    && pip install --no-deps 'insightface>=2,<3'

FROM python:3.11.14-slim-bookworm AS runtime
# The user's home holds what models are downloaded to, the Hub's cache and insightface's folder. All three folders are
# made here, so that volumes over them belong to the user that writes there.
RUN useradd --uid 10001 --create-home --home-dir /models steadface \
    && install -d -o steadface -g steadface /data /videos
ENV PATH=/opt/steadface/bin:$PATH \
    STEADFACE_HOME=/data \
    STEADFACE_VIDEOS=/videos \
    PYTHONDONTWRITEBYTECODE=1
VOLUME ["/data", "/videos", "/models"]
USER 10001
WORKDIR /videos
EXPOSE 8000
HEALTHCHECK --start-period=20s --timeout=5s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["steadface"]
CMD ["serve", "--http", "--host", "0.0.0.0"]

FROM runtime AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=installed-cuda /opt/steadface /opt/steadface

FROM runtime AS cpu
COPY --from=installed-cpu /opt/steadface /opt/steadface
