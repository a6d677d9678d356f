#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 346-buildah-source.bats - source images: made, filled, sent to a registry and fetched again.
load helpers
load ../lib/buildah
load ../lib/registry

teardown_file() {
    registry_stop_all
    umiak_teardown_file
}

setup() { cd "$UMIAK_WORK/tmp" || return; rm -rf s; chmod 777 .; }

manifest() { jq -r "$1" "s/blobs/sha256/$(jq -r '.manifests[0].digest' s/index.json | cut -d: -f2)"; }

@test "a source image is made empty and filled with layers" {
    run buildah source create --author me s; is "$status" 0 "created: $output"
    is "$(jq -r '.manifests[0].mediaType' s/index.json) $(manifest .layers) $(manifest .config.mediaType)" \
        "application/vnd.oci.image.manifest.v1+json null application/vnd.oci.source.image.config.v1+json" "empty"
    config() { jq -r "$1" "s/blobs/sha256/$(manifest .config.digest | cut -d: -f2)"; }
    is "$(config .author)" me "author"; date --date="$(config .created)" >/dev/null
    run buildah source create s; is "$status" 125 "it is there"; [[ $output == *'creating source image: "s" already exists'* ]]
    echo one >one; mkdir -p tree/sub; echo two >tree/sub/two; chmod -R a+rX one tree
    run buildah source add --annotation k=v s one; is "$status" 0 "a file: $output"
    run buildah source add s tree; is "$status" 0 "a directory: $output"
    is "$(manifest '.layers[0].mediaType') $(manifest '.layers[0].annotations.k') $(manifest '.layers | length')" \
        "application/vnd.oci.image.layer.v1.tar+gzip v 2" "layers"
    layer() { tar xzOf "s/blobs/sha256/$(manifest ".layers[$1].digest" | cut -d: -f2)" "$2"; }
    is "$(layer 0 one) $(layer 1 sub/two)" "one two" "their contents"
    is "$(manifest '.layers[1].size')" "$(stat -c %s "s/blobs/sha256/$(manifest '.layers[1].digest' | cut -d: -f2)")" "size"
    is "$(ls s/blobs/sha256 | wc -l) $(ls -A s | tr '\n' ' ')" "4 blobs index.json oci-layout " "nothing else is left"
    run buildah source add --annotation k s one; is "$status" 125 "no annotation"; run buildah source add s none; is "$status" 125 "no such file"
    is "$(manifest '.layers | length')" 2 "as before"
    run buildah source create --time-stamp=false s2; is "$status" 0 "without a time"; rm -rf s2
}

@test "a source image goes to a registry and comes back, other images do not" {
    skip_rootless "the registry is where root's names are"
    registry_start sources
    buildah source create s; echo one >one; buildah source add s one
    run "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" source push -q --tls-verify=false --digestfile digest s "$registry/src:1"
    is "$status$output" 0 "sent"; is "$(cat digest)" "$(jq -r '.manifests[0].digest' s/index.json)" "its digest"
    rm -rf back
    run "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" source pull --tls-verify=false "$registry/src:1" back
    is "$status" 0 "fetched: $output"; diff -r s/blobs back/blobs
    run "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" source pull --tls-verify=false "$registry/src:1" back
    is "$status" 125 "there is something"; [[ $output == *already\ exists* ]]
    "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" push -q --tls-verify=false "$IMAGE" "docker://$registry/img:1"
    run "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" source pull -q --tls-verify=false "$registry/img:1" other
    is "$status" 125 "an image"; [[ $output == *"invalid media type of image config"* ]]; [ ! -e other ]
    run buildah source pull short other; is "$status" 125 "short name"
    rm -rf back
}
