FROM python:3.12-slim-bookworm AS build
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv
WORKDIR /srv/chengguan
RUN uv venv --quiet /opt/venv
COPY requirements.lock ./
RUN uv pip sync --quiet --compile-bytecode --python /opt/venv --require-hashes requirements.lock
COPY pyproject.toml README.md alembic.ini ./
COPY app app
COPY migrations migrations
RUN uv pip install --quiet --python /opt/venv --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/python -m compileall -q app

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin chengguan \
    && install --directory --owner=chengguan --mode=0700 /var/lib/chengguan
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/chengguan /srv/chengguan
WORKDIR /srv/chengguan
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 \
    CHENGGUAN_SERVER__HOST=0.0.0.0 CHENGGUAN_SERVER__PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["chengguan", "serve"]
