# The same installation as on a machine: ./eyeline does it, into /app/.venv.
FROM debian:bookworm-slim

# PyTorch's packages for CPUs alone are several gigabytes smaller; its install page names their
# index: docker build --build-arg PIP_EXTRA_INDEX_URL=... .
ARG PIP_EXTRA_INDEX_URL
# Extras of pyproject.toml, comma-separated; main for none.
ARG EXTRAS=main

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 eyeline \
    && install -d -o eyeline -g eyeline /app

USER eyeline
WORKDIR /app
# What the installation depends on comes first: a change of code alone reuses this layer.
COPY --chown=eyeline:eyeline eyeline pyproject.toml constraints.txt README.md LICENSE ./
RUN PIP_NO_CACHE_DIR=1 ./eyeline install "$EXTRAS" \
    && mkdir -p .cache/eyeline/weights .cache/eyeline/engines
COPY --chown=eyeline:eyeline . .

ENV PYTHONUNBUFFERED=1
EXPOSE 7860
VOLUME /app/.cache/eyeline/weights /app/.cache/eyeline/engines
ENTRYPOINT ["/app/eyeline"]
CMD ["serve"]
