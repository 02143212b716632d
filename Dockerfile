# scArena at the pinned versions, without a GPU: docker build --tag scarena . && docker run -v "$PWD:/boards" scarena run
# With one: --build-arg TORCH=https://download.pytorch.org/whl/cu130 (or whichever CUDA the hosts' driver has).
FROM python:3.12-slim AS wheel
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY . /src
WORKDIR /src
# The version comes from the tags; git wants to be told that the folder is ours.
RUN git config --global --add safe.directory /src && pip install --no-cache-dir build && python -m build --wheel

FROM python:3.12-slim
ARG TORCH=https://download.pytorch.org/whl/cpu
COPY constraints.txt /tmp/
COPY --from=wheel /src/dist/*.whl /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt --extra-index-url "$TORCH" /tmp/*.whl && rm /tmp/*.whl
# Whoever runs it, as which user ever, keeps what is cached in the folder that is worked in.
ENV HOME=/boards XDG_CACHE_HOME=/boards/.cache/home
WORKDIR /boards
ENTRYPOINT ["scarena"]
