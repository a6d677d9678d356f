#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 305-buildah-build.bats - builds as Buildah's users know them.
load helpers
load ../lib/buildah

@test "a locked cache serves one step after the other; a cache from a stage shows it" {
    context locks <<X
FROM $IMAGE AS first
RUN mkdir -p /d/e && echo there >/d/e/f
FROM $IMAGE
RUN --mount=type=cache,target=/c,sharing=locked echo one >/c/one
RUN --mount=type=cache,target=/c,sharing=locked cat /c/one
RUN --mount=type=cache,from=first,source=/d,target=/c cat /c/e/f && touch /c/new
X
    run buildah build --network none --layers=false -t locks locks
    is "$status" 0 "built: $output"; [[ $output == *$'\none\n'*$'\nthere\n'* ]]
    buildah rmi locks
}

@test "an image that says nothing new is its base; a new one tells when it was made" {
    context same <<<"FROM $IMAGE"
    run_umiak build -q --network none -t same same; base=$(buildah inspect --type image -f '{{.FromImageID}}' "$IMAGE")
    is "$output" "$base" "the base"
    context epoch <<X
FROM $IMAGE
ARG SOURCE_DATE_EPOCH
RUN echo "\$SOURCE_DATE_EPOCH" >/when
X
    run_umiak build --network none --build-arg SOURCE_DATE_EPOCH=60 -t epoch epoch
    [[ $output != *"missing"* ]]
    run_umiak image inspect --format '{{.Created.Unix}} {{index .Annotations "org.opencontainers.image.created"}}' epoch
    is "$output" "60 1970-01-01T00:01:00Z" "time"
    run_umiak run --rm --network none epoch cat /when; is "$output" 60 "and the argument"
    run_umiak build -q --network none --created-annotation=false -t without same
    run_umiak image inspect --format '{{index .Annotations "org.opencontainers.image.created"}}' without; is "$output" "" "none"
    run_umiak 125 build -f "$UMIAK_WORK/tmp/same" same; [[ $output == *"cannot be path to a directory"* ]]
    umiak rmi same epoch without || true
}

@test "layers are sent to a layout as they are; rmi says what it did" {
    buildah from --name w "$IMAGE"; buildah run --network none w touch /x
    cd "$UMIAK_WORK/tmp"; buildah commit w "oci:$PWD/plain" >/dev/null; buildah commit --disable-compression=false w "oci:$PWD/packed" >/dev/null
    last() { jq -r '.layers[-1].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d: -f2)"; }
    is "$(last plain)" application/vnd.oci.image.layer.v1.tar "as it is"; is "$(last packed)" application/vnd.oci.image.layer.v1.tar+gzip "compressed"
    buildah commit -q w named >/dev/null; id=$(buildah commit -q w); [ ${#id} = 64 ]
    run buildah rmi named; is "$status" 0 "rmi: $output"; is "${lines[0]}" "untagged: localhost/named:latest" "name"; [ ${#lines[1]} = 64 ]
    run buildah rmi a1 a2; is "$status" 125 "unknown"; [[ ${lines[1]} == *" a1: image not known" && ${lines[2]} == *" a2: image not known" ]]
    run buildah rmi --prune; is "$status" 0 "prune: $output"; is "$output" "$id" "the one without a name"
    run buildah rmi --prune x; is "$status" 125 "no names with --prune"
    buildah rm w
}

@test "what one step of a build in one layer makes counts for the next: users, volumes behind links" {
    context one <<X
FROM $IMAGE
RUN echo 'made:x:4242:4242::/:/bin/sh' >>/etc/passwd && mkdir -p /data && ln -s /data/log /link
USER made
VOLUME /link/test
RUN id -u
USER 0
RUN echo there >/data/log/f && cat /data/log/f
X
    run buildah build --network none --layers=false -t one one
    is "$status" 0 "built: $output"; [[ $output == *$'\n4242\n'*$'\nthere\n'* ]]
    buildah rmi one
}

@test "namespaces in Buildah's words; ids of working containers are mapped" {
    buildah from --name n --ipc container --pid private --uts container --network none "$IMAGE"
    mine=$(readlink /proc/self/ns/ipc)
    run buildah run n readlink /proc/self/ns/ipc; is "$status" 0 "run: $output"; [ "$output" != "$mine" ]
    run buildah run --ipc host n readlink /proc/self/ns/ipc; is "$status" 0 "host: $output"
    buildah rm n
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    run buildah from --name m --network none --userns-uid-map 0:12345:1000 --userns-gid-map 0:23456:1000 "$IMAGE"; is "$output" m "from"
    run buildah run m sh -c 'cat /proc/self/uid_map /proc/self/gid_map; echo x >/made; stat -c %u:%g /made /bin'
    is "$status" 0 "run: $output"; is "$(tr -s ' ' <<<"$output")" $' 0 12345 1000\n 0 23456 1000\n0:0\n0:0' "maps and owners"
    buildah commit -q m mapped >/dev/null; run_umiak run --rm --network none mapped stat -c %u:%g /made; is "$output" 0:0 "in the image, too"
    buildah rm m; umiak rmi mapped
}
