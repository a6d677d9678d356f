#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 077-buildah.bats - working containers, with the program called `buildah`.
load helpers
load ../lib/buildah

@test "an image is made step by step" {
    echo copied >"$UMIAK_WORK/tmp/file"; chmod a+r "$UMIAK_WORK/tmp/file"
    run buildah from --name work "$IMAGE"; is "$output" work "from"
    run buildah from "$IMAGE"; is "$output" test-working-container "a name of its own"
    run buildah from "$IMAGE"; is "$output" test-working-container-1 "and another"
    run buildah run --network none work -- sh -c 'echo made > /made; echo out'
    is "$output" out "run"
    run buildah copy -q work "$UMIAK_WORK/tmp/file" /etc/; [ "$status" = 0 ]
    run buildah config --env X=1 --workingdir /tmp --cmd '["cat","/made","/etc/file"]' work; [ "$status" = 0 ]
    run buildah run --network none work sh -c 'echo $X; pwd'
    is "$output" $'1\n/tmp' "configuration counts for run"
    run buildah commit -q work result; [ "$status" = 0 ]
    run_umiak run --rm --network none result
    is "$output" $'made\ncopied' "the image"
    run buildah containers -q; is "${#lines[@]}" 3 "working containers"
    run buildah rm --all; [ "$status" = 0 ]
    run buildah containers -q; is "$output" "" "none are left"
}

@test "failures" {
    buildah from --name fails "$IMAGE"
    run buildah run --network none fails sh -c 'exit 7'; is "$status" 7 "exit code of the command"
    run buildah config --port nonsense fails; [ "$status" = 125 ]
    run_umiak create --name plain "$IMAGE" true
    run buildah run plain true
    [ "$status" = 125 ]; [[ $output == *"no working container"* ]]
    run buildah copy fails /no/such/file /; [ "$status" = 125 ]
    buildah rm fails; umiak rm plain
}
