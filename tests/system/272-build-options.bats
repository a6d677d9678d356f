#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 272-build-options.bats - platforms, user namespaces, agents, devices, policies and bills of materials of a build.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    chmod 755 "$CTX"
}
teardown() { end_jobs; rm -rf "$CTX"; }
file() { mkdir -p "$(dirname "$CTX/$1")"; cat >"$CTX/$1"; chmod -R a+rX "$CTX"; }
build() { run_umiak build --network none "$@" "$CTX"; }

@test "several platforms without a list: an image for each, the tag is the last one's, the id the first one's" {
    printf 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n' | file Containerfile
    echo x | file f
    build --platform linux/arm64,linux/s390x -t several
    id=${lines[-1]}
    [[ $output == *"[linux/arm64] STEP 1/3"*"[linux/s390x] STEP 1/3"* ]]
    run_umiak image inspect --format '{{.Architecture}}' "$id" several
    is "$output" $'arm64\ns390x' "the first one's id, the last one's name"
    build --platform linux/arm64 --platform linux/s390x --manifest together
    run_umiak manifest inspect together
    like "$output" 'arm64' "in the list"; like "$output" 's390x' "in the list"
    run_umiak 125 build --platform linux/arm64 --manifest one -t one "$CTX"
    [[ $output == *"the same name must not be specified for both '--tag' and '--manifest'"* ]]
    build --platform linux/arm64,linux/s390x --logfile "$UMIAK_WORK/tmp/log" --logsplit
    grep -q 'STEP 3/3: COPY' "$UMIAK_WORK/tmp/log_linux_arm64"; grep -q 'STEP 3/3: COPY' "$UMIAK_WORK/tmp/log_linux_s390x"
}
