# An image with nothing but the binary.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t ptbrelay .
#   make image                              # the same, from the binary of make build
#
# ptbrelay works in the network namespace that it is started in, so it is given the
# host's, and of all capabilities two: CAP_NET_ADMIN for its table and NFLOG group,
# CAP_NET_RAW to send broadcast frames and to inject copies.
#
#   docker run -d --name ptbrelay --restart unless-stopped --network host \
#     --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW \
#     --security-opt no-new-privileges --read-only --tmpfs /run/ptbrelay:mode=0700 \
#     -v /etc/ptbrelay:/etc/ptbrelay:ro ptbrelay
#   docker exec ptbrelay ptbrelay selftest

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETARCH VERSION=unknown
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOARCH=$TARGETARCH make build VERSION="$VERSION" && mv bin/ptbrelay /

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="ptbrelay" \
      org.opencontainers.image.description="Gives every server of an anycast or ECMP group the PTBs that concern its connections" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /ptbrelay /usr/bin/
# Capabilities that a container is given stay with user 0 only.
USER 0:0
ENV PATH=/usr/bin
ENTRYPOINT ["/usr/bin/ptbrelay"]
CMD ["run"]
