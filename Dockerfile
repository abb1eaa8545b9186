# syntax=docker/dockerfile:1
# One image for the API, the workers and the installer: `concord serve | worker | db install`.
# No Docker engine was at hand where this was written: nobody has built it. docs/operations/containers.md says what
# was done instead.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
COPY .ci/runtime-lock .ci/runtime-lock
RUN python -m venv /venv \
 && python .ci/runtime-lock setuptools > /tmp/runtime.lock \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/runtime.lock
COPY app app
COPY worker worker
COPY plsql plsql
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /venv/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Concord" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/concord concord
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CONCORD_HOME=/var/lib/concord \
    CONCORD_LOG_FORMAT=json \
    ORA_SDTZ=UTC
USER 10001:10001
WORKDIR /var/lib/concord
VOLUME /var/lib/concord
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/v1/health/ready', timeout=4)"]
ENTRYPOINT ["concord"]
CMD ["serve"]
