# One image for every Python service: the APIs, workers, beat, Flower, migrations, `messaging`.
# What it runs as is the command's business: see docker-compose.yml.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/opt/messaging/bin/python
WORKDIR /build
RUN python -m venv --without-pip /opt/messaging
COPY requirements/services.txt .
RUN pip install --only-binary :all: --require-hashes --requirement services.txt
COPY . .
# Nothing more is fetched: setuptools is among the pins. What only tests and builds need goes.
RUN pip install --no-deps --no-build-isolation --no-index . \
    && pip uninstall --yes --quiet setuptools \
    && rm -rf /opt/messaging/lib/python3*/site-packages/*/tests /opt/messaging/lib/python3*/site-packages/*/test \
        /opt/messaging/lib/python3*/site-packages/*/testing \
        /opt/messaging/lib/python3*/site-packages/pygments/lexers/__pycache__

FROM ${PYTHON}
LABEL org.opencontainers.image.title="messaging" \
    org.opencontainers.image.description="Event-driven CQRS messaging service" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="0.1.0"
ENV PATH=/opt/messaging/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 messaging \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin messaging \
    && /usr/local/bin/python -m pip uninstall --yes --quiet --root-user-action=ignore pip
COPY --from=build /opt/messaging /opt/messaging
COPY ops/gunicorn ops/flower ops/nginx/waiting_room.py /etc/messaging/
WORKDIR /tmp
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=20s --start-period=180s --retries=3 \
    CMD ["python", "-P", "-m", "runtime.probe"]
CMD ["messaging", "--help"]
