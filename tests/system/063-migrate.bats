#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Moving in from Podman, and what a terminal shows of a transfer.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "system migrate --from-podman copies images with ids and names, without a registry, once" {
    skip_rootless "root's Podman"
    command -v podman >/dev/null && [ "$(podman --version | cut -d' ' -f1)" = podman ] || skip "podman is missing"
    p="podman --root $UMIAK_WORK/pr --runroot $UMIAK_WORK/prr --storage-driver vfs"
    # shellcheck disable=SC2086
    $p load -q -i "$UMIAK_WORK/image.tar" || skip "podman cannot load here"
    # shellcheck disable=SC2086
    id=$($p images -q --no-trunc | head -1); $p tag "$id" localhost/from/podman:1 localhost/from/podman:2
    printf '#!/bin/sh\nexec %s "$@"\n' "$p" >"$UMIAK_WORK/podman"; chmod +x "$UMIAK_WORK/podman"
    o="--root $UMIAK_WORK/tmp/r --runroot $UMIAK_WORK/tmp/rr"
    # shellcheck disable=SC2086
    run umiak $o system migrate --from-podman="$UMIAK_WORK/podman"; is "$status" 0 "migrate: $output"
    # shellcheck disable=SC2086
    is "$(umiak $o image inspect --format '{{.Id}}' localhost/from/podman:2)" "${id#sha256:}" "the same id"
    # shellcheck disable=SC2086
    run umiak $o system migrate --from-podman="$UMIAK_WORK/podman"; like "$output" "which is here" "nothing is copied twice"
    # shellcheck disable=SC2086
    $p images -q >/dev/null   # Podman's own store still is
    # shellcheck disable=SC2086
    umiak $o system reset --force; $p rmi -af >/dev/null; rm -rf "$UMIAK_WORK/pr" "$UMIAK_WORK/prr"
}

@test "system migrate --from-podman: this program under Podman's name is not Podman" {
    ln -sf "$UMIAK_BUILD/umiak" "$UMIAK_WORK/tmp/podman"
    run_umiak 125 system migrate --from-podman="$UMIAK_WORK/tmp/podman"; like "$output" "is this program itself" "told"
}

@test "a terminal sees one bar for each layer, a pipe sees lines" {
    skip_rootless "the same code"
    umiak save -q --format oci-archive -o "$UMIAK_WORK/tmp/i.tar" $IMAGE
    u="$UMIAK_BUILD/umiak --root $UMIAK_WORK/tmp/r --runroot $UMIAK_WORK/tmp/rr"
    run $u load -i "$UMIAK_WORK/tmp/i.tar"; like "$output" "Copying blob sha256:[0-9a-f]{64}" "lines"
    $u rmi -af
    TERM=xterm run script -qec "$u load -i $UMIAK_WORK/tmp/i.tar" /dev/null
    like "$output" "Copying blob [0-9a-f]{12} \[" "bars"; like "$output" "Copying blob [0-9a-f]{12} done" "ends"
    $u system reset --force
}
