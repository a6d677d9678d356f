#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Manifest lists into files, and copies from and to other stores than ours. Skopeo is the other side.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { command -v skopeo >/dev/null || skip "skopeo is missing"; T=$UMIAK_WORK/tmp; }
teardown() { umiak_teardown; }

@test "manifest push: a list with its images goes to oci:, oci-archive: and dir:, and is the same list there" {
    run_umiak manifest create l:1
    run_umiak manifest add l:1 "containers-storage:$IMAGE"
    run_umiak manifest add --arch arm64 l:1 "containers-storage:$IMAGE"
    n=$(umiak manifest inspect l:1 | jq '.manifests | length')
    for to in "oci:$T/o:x" "oci-archive:$T/a.tar:x" "dir:$T/d"; do
        run_umiak manifest push -q --all --digestfile "$T/digest" l:1 "$to"
        raw=$(skopeo inspect --raw "$to"; echo x)
        is "sha256:$(printf %s "${raw%x}" | sha256sum | cut -d' ' -f1)" "$(cat "$T/digest")" "$to: the digest"
        is "$(jq '.manifests | length' <<<"${raw%x}")" "$n" "$to: the entries"
        skopeo copy -q --insecure-policy --all "$to" "dir:$BATS_TEST_TMPDIR/back"
        rm -rf "$BATS_TEST_TMPDIR/back"
    done
    run_umiak manifest push -q --all=false l:1 "oci:$T/bare:x"
    [ "$(find "$T/bare/blobs" -type f | wc -l)" = 1 ]
    run_umiak 125 manifest push -q l:1 docker-archive:$T/no.tar; like "$output" "docker-archive: is not supported" "by name"
    run_umiak manifest rm l:1
    rm -rf "$T"/*
}

@test "image copy: another store is meant when it is named, and ours is not touched" {
    spec="[overlay@$T/other+$T/otherrun]"
    before=$(umiak images -a --no-trunc | sort)
    run_umiak image copy -q --insecure-policy "containers-storage:$IMAGE" "containers-storage:${spec}localhost/moved:1"
    is "$(umiak images -a --no-trunc | sort)" "$before" "ours is as before"
    run umiak --root "$T/other" --runroot "$T/otherrun" images -n --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'
    is "$output" "sha256:$(umiak image inspect --format '{{.Id}}' $IMAGE) localhost/moved:1" "it is there"
    run_umiak image copy -q --insecure-policy "containers-storage:${spec}localhost/moved:1" "oci:$T/l:1"
    is "$(skopeo inspect --config "oci:$T/l:1" | sha256sum)" "$(skopeo inspect --config "oci-archive:$UMIAK_WORK/image.tar" | sha256sum)" "read from there"
    run_umiak 125 image copy -q --insecure-policy "containers-storage:[nonsense]$IMAGE" "oci:$T/x:1"
    like "$output" "want \[driver@/graphroot" "a bad name"
    run umiak --storage-opt "additionalimagestore=$T/other" images -n --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}'
    like "$output" "localhost/moved:1 true" "as additional store"
    umiak --root "$T/other" --runroot "$T/otherrun" system reset --force
    rm -rf "$T"/*
}

@test "an image of an additional store is a base: built on, run, pushed with the layers it came with" {
    run_umiak push -q $IMAGE "oci:$T/layout:1"
    umiak --root "$T/other" --runroot "$T/otherrun" pull -q "oci:$T/layout:1"
    base=$(umiak --root "$T/other" --runroot "$T/otherrun" images -n --no-trunc --format '{{.ID}}')
    mine() { run umiak --root "$T/mine" --runroot "$T/minerun" --storage-opt "additionalimagestore=$T/other" "$@"; is "$status" 0 "$1: $output"; }
    mkdir "$T/context"
    printf 'FROM %s\nRUN echo built >/file\n' "${base#sha256:}" >"$T/context/Containerfile"
    mine build -q --network none -t made "$T/context"
    mine run --rm --network none made cat /file; is "$output" built "it runs"
    mine push -q made "oci:$T/made:1"
    skopeo copy -q --insecure-policy "oci:$T/made:1" "dir:$T/back"
    mine system check
    for store in mine other; do umiak --root "$T/$store" --runroot "$T/${store}run" system reset --force; done
    rm -rf "$T"/*
}
