#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A store that Podman or Skopeo wrote, read where it lies.
load helpers

setup_file() {
    ! rootless || return 0
    command -v skopeo >/dev/null || return 0
    umiak_setup_file
    export THEIRS=$UMIAK_WORK/theirs NAME=localhost/theirs/app:1
    # one more layer, with a whiteout, so that there is a chain
    mkdir "$UMIAK_WORK/ctx"
    printf 'FROM %s\nRUN echo mine >/added; rm -f /etc/passwd\nLABEL a=b\nCMD ["cat", "/added"]\n' $IMAGE >"$UMIAK_WORK/ctx/Containerfile"
    umiak build -q --network none -t $NAME "$UMIAK_WORK/ctx" >/dev/null
    umiak save -q -o "$UMIAK_WORK/app.tar" $NAME
    umiak image inspect --format '{{.Id}}' $NAME >"$UMIAK_WORK/id"
    umiak rmi -f $NAME >/dev/null
    skopeo copy -q --insecure-policy "docker-archive:$UMIAK_WORK/app.tar" "containers-storage:[overlay@$THEIRS/root+$THEIRS/run]$NAME"
    [ -f "$THEIRS/root/overlay-images/images.json" ]
    find "$THEIRS/root" -type f ! -name '*.lock' -exec sha256sum {} + | sort >"$UMIAK_WORK/before"
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { umount "$THEIRS/root/overlay" 2>/dev/null || true; umiak_teardown_file; }; }
setup() {
    skip_rootless "skopeo writes overlay stores as root only here"
    command -v skopeo >/dev/null || skip "skopeo is missing"
}
teardown() { rootless || umiak_teardown; }

with_theirs() { umiak --storage-opt "additionalimagestore=$THEIRS/root" "$@"; }

@test "its images are listed read-only, looked at, and run without a copy" {
    run with_theirs images -n --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.ReadOnly}}'
    like "$output" "sha256:$(cat "$UMIAK_WORK/id") $NAME true" "listed"
    like "$output" "$IMAGE false" "and ours"
    run with_theirs image inspect --format '{{.Id}} {{index .Labels "a"}} {{len .RootFS.Layers}}' $NAME
    like "$output" "^$(cat "$UMIAK_WORK/id") b [0-9]" "inspected"
    du=$(du -s "$UMIAK_WORK/root" | cut -f1)
    run with_theirs run --rm --network none $NAME
    is "$output" "mine" "its command"
    run with_theirs run --rm --network none $NAME sh -c 'test ! -e /etc/passwd && echo written >/x && cat /x'
    is "$output" "written" "whiteouts hold, the container can be written"
    [ "$(du -s "$UMIAK_WORK/root" | cut -f1)" -lt $((du + 200)) ]
    run umiak image exists $NAME; is "$status" 1 "without the option it is not there"
}

@test "it is not changed: no rmi; a container keeps it; what cannot be packed again is told" {
    run with_theirs rmi $NAME; [ "$status" -ne 0 ]
    like "$output" "read-only" "why"
    run with_theirs create --name keeper --network none $NAME
    is "$status" 0 "$output"
    run with_theirs start -a keeper
    is "$output" "mine" "a container that stays"
    run with_theirs save -q -o "$UMIAK_WORK/out.tar" $NAME
    [ "$status" -eq 0 ] || like "$output" "read-only store that keeps no archive" "save"
    find "$THEIRS/root" -type f ! -name '*.lock' -exec sha256sum {} + | sort | diff "$UMIAK_WORK/before" -
}

@test "a store that makes no sense is no store: the others go on" {
    mkdir -p "$UMIAK_WORK/bad/overlay-images" "$UMIAK_WORK/bad/overlay-layers"
    for text in '' '{' '[{"id":"../../etc"}]' '[{"id":7,"layer":[]}]' '[null]' "[{\"id\":\"$(printf a%.0s {1..64})\",\"layer\":\"x\",\"names\":[\"a\"]}]"; do
        printf '%s' "$text" >"$UMIAK_WORK/bad/overlay-images/images.json"
        printf '%s' "$text" >"$UMIAK_WORK/bad/overlay-layers/layers.json"
        run umiak --storage-opt "additionalimagestore=$UMIAK_WORK/bad" images -n --format '{{.Repository}}:{{.Tag}}'
        is "$output" "$(umiak images -n --format '{{.Repository}}:{{.Tag}}')" "with $text"
    done
}
