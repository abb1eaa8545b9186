# One image for the API, the workers and the installer: `concord serve | worker | db install`.
# Nobody has built it yet: no Docker engine was at hand where it was written.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
COPY app app
COPY worker worker
COPY plsql plsql
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/concord concord
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH CONCORD_HOME=/var/lib/concord CONCORD_LOG_FORMAT=json ORA_SDTZ=UTC
USER concord
VOLUME /var/lib/concord
ENTRYPOINT ["concord"]
CMD ["serve"]
