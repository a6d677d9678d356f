#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 323-build-more.bats - what a step sees, what the linter knows of bases, COPY --link, COPYs side by side.
load helpers
load ../lib/buildah

setup_file() {
    umiak_setup_file
    buildah_setup
}
teardown_file() { umiak_teardown_file; }

context() { mkdir -p "$UMIAK_WORK/tmp/$1"; cat >"$UMIAK_WORK/tmp/$1/Containerfile"; chmod -R a+rX "$UMIAK_WORK/tmp"; cd "$UMIAK_WORK/tmp"; }

@test "RUN has the image's environment and no more; the linter compares platforms" {
    context env <<X
FROM $IMAGE
ENV A=1
RUN env | grep -v -e ^PWD= -e ^HOME= -e ^HOSTNAME= -e ^SHLVL= -e ^PATH= -e ^TERM= -e ^IMAGE_VAR= | sort | tr '\n' ' '; echo end
X
    run_umiak build --network none --no-cache env
    [[ $output == *$'\nA=1 end\n'* ]]
    run umiak build --check --platform linux/s390x env
    is "$status" 125 "another platform: $output"
    [[ $output == *"InvalidBaseImagePlatform"*", expected \"linux/s390x\" for current build"* ]]
    run_umiak build --check env
}
