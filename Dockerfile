# The operator's image: the binary, the shared libraries that it names, the
# static program that Redis pods start through, the CA certificates, and nothing else. Runs as 65532 on a read-only root filesystem.
#
#   docker build -t everserve .
FROM debian:trixie-slim AS build
WORKDIR /src
COPY tests/tools/deps tests/tools/deps
RUN apt-get update && tests/tools/deps --build && apt-get install -y --no-install-recommends ca-certificates
COPY Makefile ./
COPY tests/lint/layers tests/lint/layers
COPY include include
COPY src src
RUN make -j"$(nproc)" && strip build/everserve build/everserve-entry
RUN set -e; mkdir -p /root-fs/etc/ssl/certs /root-fs/usr/bin; \
    cp build/everserve build/everserve-entry /root-fs/usr/bin/; \
    ldd build/everserve | grep -o '/[^ ]*' | while read -r lib; do \
        mkdir -p "/root-fs$(dirname "$lib")"; cp -L "$lib" "/root-fs$lib"; done; \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/; \
    echo 'everserve:x:65532:65532::/:/' >/root-fs/etc/passwd; \
    echo 'hosts: files dns' >/root-fs/etc/nsswitch.conf

FROM scratch
COPY --from=build /root-fs /
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/usr/bin/everserve"]
CMD ["run"]
