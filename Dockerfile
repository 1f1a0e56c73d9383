# Built by hand: docker build --build-arg VERSION=$(git describe --tags --always) -t wapid .
# See docs/deploy.md.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.1.0-dev
RUN make static VERSION="$VERSION" OUT=/out/wapid
# An empty directory that the daemon's user owns, for volumes that begin as its copy.
RUN mkdir -m 700 /out/data

# Nothing but certificates of authorities, time zones and a user without rights.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/wapid /usr/local/bin/wapid
COPY --from=build --chown=65532:65532 /out/data /data
ENV WAPID_DATA=/data \
    WAPID_LISTEN=0.0.0.0:8080 \
    WAPID_LOG_FORMAT=json
USER 65532:65532
VOLUME /data
EXPOSE 8080
# The first start of a newer version may rebuild tables, and answers only then.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10m --retries=3 \
    CMD ["/usr/local/bin/wapid", "health", "--timeout", "8s"]
ENTRYPOINT ["/usr/local/bin/wapid"]
CMD ["serve"]
