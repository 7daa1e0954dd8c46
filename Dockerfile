# Three images from one file: `docker build --target pipelines .`, and so with `backup` and `api`.
# Python is the version that the tests run on. What is installed is locked by hash; nothing is compiled, no build runs
# code that was not locked.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS tools
# A mirror, for those who need one: --build-arg, or the environment of `docker compose build`.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
WORKDIR /src
COPY locks/build.lock locks/
RUN python -m pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r locks/build.lock

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY stock_assistant_pipelines stock_assistant_pipelines
RUN python -m hatchling build -t wheel -d /dist

FROM tools AS api-venv
COPY locks/api.lock locks/
RUN python -m venv --without-pip /opt/venv \
 && uv pip sync --no-cache --python /opt/venv/bin/python --only-binary :all: --compile-bytecode --require-hashes locks/api.lock
COPY --from=wheel /dist /dist
RUN uv pip install --no-cache --python /opt/venv/bin/python --no-deps --no-index --compile-bytecode /dist/*.whl

FROM tools AS pipelines-venv
COPY locks/pipelines.lock locks/
RUN python -m venv --without-pip /opt/venv \
 && uv pip sync --no-cache --python /opt/venv/bin/python --only-binary :all: --compile-bytecode --require-hashes locks/pipelines.lock
COPY --from=wheel /dist /dist
RUN uv pip install --no-cache --python /opt/venv/bin/python --no-deps --no-index --compile-bytecode /dist/*.whl

FROM python:${PYTHON_VERSION}-slim-bookworm AS runtime
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The directory is made here so that a volume mounted on it is writable for the user.
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
 && install -d -o app -g app /var/lib/stock-assistant
WORKDIR /var/lib/stock-assistant

# The code location, Dagster's UI and daemon, and the migrations: the command says which.
FROM runtime AS pipelines
COPY --from=pipelines-venv /opt/venv /opt/venv
COPY --chmod=0444 dagster.yaml /opt/dagster/
ENV DAGSTER_HOME=/opt/dagster DAGSTER_STORAGE_DIR=/var/lib/stock-assistant/dagster DATA_DIR=/var/lib/stock-assistant
# A number, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
  CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
ENTRYPOINT ["stock-assistant", "exec", "--"]
CMD ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", "-m", "stock_assistant_pipelines.definitions"]

# PostgreSQL's programs as the server has them, TLS included; Debian 12 brings the Python of the other images.
FROM postgres:18-bookworm AS postgres-runtime
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres /var/lib/backups

FROM postgres-runtime AS backup-venv
WORKDIR /src
COPY --from=tools /usr/local/bin/uv /usr/local/bin/
COPY locks/pipelines.lock locks/
RUN uv venv --no-cache --python python3 /opt/venv \
 && uv pip sync --no-cache --python /opt/venv/bin/python --only-binary :all: --compile-bytecode --require-hashes locks/pipelines.lock
COPY --from=wheel /dist /dist
RUN uv pip install --no-cache --python /opt/venv/bin/python --no-deps --no-index --compile-bytecode /dist/*.whl

FROM postgres-runtime AS backup
COPY --from=backup-venv /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV POSTGRES_PROGRAMS=/usr/lib/postgresql/18/bin BACKUP_DIR=/var/lib/backups DATA_DIR=/tmp
WORKDIR /var/lib/backups
# The image's own user postgres: what is restored belongs to whom PostgreSQL runs as.
USER 999:999
HEALTHCHECK --interval=1m --timeout=20s --start-period=30m --retries=3 CMD ["stock-assistant", "backup", "status"]
ENTRYPOINT ["stock-assistant"]
CMD ["backup", "run"]

FROM runtime AS api
COPY --from=api-venv /opt/venv /opt/venv
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:8000' + (os.environ.get('API_V1_STR') or '/api/v1') + '/health/live', timeout=4)"]
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "8000"]
