# The command `etalon` in a container. BASE may be any image with Python 3.11 or newer.
ARG BASE=python:3.11-slim
FROM ${BASE}
# the rasterio wheel needs libexpat, which slim images lack
RUN apt-get update && apt-get install -y --no-install-recommends libexpat1 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/etalon
COPY requirements.lock ./
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY calib calib
COPY orbit_aux orbit_aux
COPY flows flows
COPY configs configs
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable . && useradd --create-home etalon
ENV PATH=/opt/etalon/.venv/bin:$PATH OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
USER etalon
WORKDIR /data
ENTRYPOINT ["etalon"]
CMD ["--help"]
