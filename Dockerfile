# One image, two roles: `symbl-worker run` (default) and `symbl-worker engine`. The engine comes with pocketsphinx and with drivers for
# SQLite and PostgreSQL; docs/kubernetes.md says how to add another recogniser.
FROM python:3.13-slim-bookworm AS base

FROM base AS build
# "yes" brings speech recognition and text analysis along; "no" makes a smaller image that is a worker only.
ARG WITH_ENGINE=yes
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
# Wheels only: no compiler is needed, and nothing is run that is not covered by a hash. This decides the Python version:
# pocketsphinx has wheels for 3.11 and 3.13, none for 3.12.
RUN case "$WITH_ENGINE" in \
      yes) lock=engine ;; \
      no) lock=runtime ;; \
      *) echo "WITH_ENGINE is yes or no" >&2; exit 1 ;; \
    esac \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r "requirements/$lock.lock" \
    && pip install --require-hashes --only-binary :all: -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY worker/ worker/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/venv/bin/python install --no-deps --no-index /wheels/*.whl \
    && pip --python /opt/venv/bin/python check

FROM base
RUN groupadd --system --gid 10001 symbl \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin symbl \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/engine
COPY --from=build /opt/venv /opt/venv
# Bytecode was compiled by the installation; at run time nothing is written outside /tmp, unless the engine is told to keep
# conversations in /var/lib/engine, a place for a volume. SQLite would put nameless files into /var/tmp where it can.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    TMPDIR=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HTTP__HOST=0.0.0.0 \
    ENGINE__HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080 8700
STOPSIGNAL SIGTERM
# No HEALTHCHECK: whoever runs the container asks /health/live and /health/ready over HTTP.
ENTRYPOINT ["symbl-worker"]
CMD ["run"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="symbl-worker" \
      org.opencontainers.image.description="Kafka streaming worker for the Symbl Streaming API, and a self-hosted Symbl-compatible engine." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
