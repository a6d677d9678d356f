#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 076-build-safety.bats - hostile contexts, images and options of a build; every test shows with a control that it looks.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }

setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    OUTSIDE=$(mktemp -d "$UMIAK_WORK/tmp/outside.XXXXXX")
    echo host-secret >"$OUTSIDE/secret"
    chmod -R a+rX "$CTX" "$OUTSIDE"
}
teardown() { rm -rf "$CTX" "$OUTSIDE"; }


@test "COPY: a link in the context does not lead out of it" {
    ln -s "$OUTSIDE/secret" "$CTX/abs"
    mkdir "$CTX/d"; ln -s ../../../../../../../../../../"$OUTSIDE" "$CTX/d/up"
    echo inside | file plain; ln -s plain "$CTX/rel"
    printf 'FROM %s\nCOPY abs /x\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    printf 'FROM %s\nCOPY d/up/secret /x\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    printf 'FROM %s\nCOPY ../../../../../../../../%s/secret /x\n' "$IMAGE" "$OUTSIDE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    # the control: a link that stays inside is followed
    printf 'FROM %s\nCOPY rel /x\nRUN cat /x\n' "$IMAGE" | file Containerfile
    build
    [[ $output == *$'\ninside\n'* ]]
}

@test "COPY: a link in the image does not lead out of it" {
    echo payload | file p
    mkdir "$OUTSIDE/target"; chmod 777 "$OUTSIDE/target"
    file Containerfile <<END
FROM $IMAGE
RUN mkdir -p $OUTSIDE/target && ln -s $OUTSIDE/target /link && ln -s /../../../../$OUTSIDE/target /up
COPY p /link/
COPY p /up/q
RUN cat $OUTSIDE/target/p $OUTSIDE/target/q
END
    build
    [[ $output == *$'payload\npayload\n'* ]]   # in the image
    is "$(ls "$OUTSIDE/target")" "" "nothing on the host"
}

@test "COPY --from: a hostile stage gives its own files only" {
    file Containerfile <<END
FROM $IMAGE AS evil
RUN ln -s $OUTSIDE /out && ln -s / /root-link && echo stage > /marker
FROM $IMAGE
COPY --from=evil /root-link/marker /m
RUN cat /m
END
    build
    [[ $output == *$'\nstage\n'* ]]
    printf 'FROM %s AS evil\nRUN ln -s %s /out\nFROM %s\nCOPY --from=evil /out/secret /s\n' "$IMAGE" "$OUTSIDE" "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *"no such file"* ]]
}

@test "RUN --mount: sources and options do not leave the root" {
    ln -s "$OUTSIDE" "$CTX/out"; echo ok | file f
    for m in "type=bind,source=out,target=/m" "type=bind,source=../../../../../../$OUTSIDE,target=/m"; do
        printf 'FROM %s\nRUN --mount=%s ls /m; cat /m/secret\n' "$IMAGE" "$m" | file Containerfile
        run umiak build --network none "$CTX"
        [ "$status" -ne 0 ]
        [[ $output != *host-secret* ]]
    done
    for m in "type=bind,source=f,target=/m,bind-propagation=shared" "type=bind,source=f,target=/m,bogus=1" \
             "type=nosuch,target=/m" "type=tmpfs,target=/"; do
        printf 'FROM %s\nRUN --mount=%s true\n' "$IMAGE" "$m" | file Containerfile
        run_umiak 125 build --network none "$CTX"
    done
    printf 'FROM %s\nRUN --mount=type=bind,source=f,target=/m cat /m; ! echo x > /m\n' "$IMAGE" | file Containerfile
    build   # the control; and it is read-only
    [[ $output == *$'\nok\n'* ]]
}

@test "RUN --mount: a link in a cache does not lead out, a cache id is no path" {
    file Containerfile <<END
FROM $IMAGE
RUN --mount=type=cache,id=../../../../tmp/evil,target=/c ln -s $OUTSIDE /c/link && echo kept > /c/kept
RUN --mount=type=cache,id=../../../../tmp/evil,source=link,target=/c ls /c; cat /c/secret
END
    run umiak build --network none "$CTX"
    [ "$status" -ne 0 ]
    [[ $output != *host-secret* ]]
    [ ! -e /tmp/evil ]
    printf 'FROM %s\nRUN --mount=type=cache,id=../../../../tmp/evil,target=/c cat /c/kept\n' "$IMAGE" | file Containerfile
    build
    [[ $output == *$'\nkept\n'* ]]
}

@test "the environment of the builder does not reach RUN, build arguments do not reach the image" {
    printf 'FROM %s\nARG PASS\nRUN env; echo "pass is $PASS"\n' "$IMAGE" | file Containerfile
    LEAK=from-host build --build-arg PASS=argument -t envs
    [[ $output != *LEAK=* ]]
    [[ $output == *"pass is argument"* ]]
    run_umiak run --rm --network none envs env
    [[ $output != *PASS=* ]]
}
