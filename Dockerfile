# What is built: a wheel, and the packages that tools/pins names with their hashes, in an environment without build tools.
# A tag can come to mean another image; a digest cannot: --build-arg BASE_IMAGE=python:3.13-slim@sha256:...
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/paramcount
COPY tools/pins pins
# An own package index or certificate comes in as a secret, for this one step: --secret id=pip,src=pip.conf
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    export PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_HASHES=1 \
 && tools/bin/pip install --requirement pins/build.txt \
 && tools/bin/pip --python /opt/paramcount/bin/python3 install --requirement pins/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY paramcount paramcount
COPY service service
RUN --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    tools/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir wheels . \
 && tools/bin/pip --python /opt/paramcount/bin/python3 install --no-deps --no-index --no-compile wheels/*.whl \
 && rm -rf /opt/paramcount/include /opt/paramcount/bin/[Aa]ctivate* \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/paramcount/lib

FROM ${BASE_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="paramcount" \
      org.opencontainers.image.description="Counts the parameters of a neural network from its description, over HTTP." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/paramcount /opt/paramcount
# A container sees every core of its machine, whatever its share: say how many workers, do not guess.
ENV PATH=/opt/paramcount/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    WEB_CONCURRENCY=2
USER 10001:10001
WORKDIR /opt/paramcount
# The service, and probes and metrics: the second is for the machine and Prometheus alone.
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/opt/paramcount/bin/python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8001/readyz', timeout=2)"]
ENTRYPOINT ["/opt/paramcount/bin/paramcount", "serve"]
CMD ["--bind", "0.0.0.0:8000"]
