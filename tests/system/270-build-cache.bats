#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 270-build-cache.bats - results of steps in a registry (--cache-to, --cache-from), and their age (--cache-ttl).
load helpers

setup_file() {
    command -v docker-registry >/dev/null || skip "docker-registry is missing"
    umiak_setup_file
    # the registry is on the host's loopback, and so is everything here
    umiak_on_host_network
    start_registry
    export REG
}
teardown_file() {
    [ ! -f "$UMIAK_WORK/pid" ] || kill "$(cat "$UMIAK_WORK/pid")" 2>/dev/null || true
    umiak_teardown_file
}
setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    chmod 755 "$CTX"
}
teardown() { rm -rf "$CTX"; }

# On a port nobody has: a registry that cannot listen ends, and another one is tried.
start_registry() {
    local port pid
    for _ in $(seq 20); do
        port=$((20000 + RANDOM % 12000))
        printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
            "$UMIAK_WORK/registry" "$port" >"$UMIAK_WORK/registry.yml"
        docker-registry serve "$UMIAK_WORK/registry.yml" >/dev/null 2>&1 3>&- 4>&- &
        pid=$!
        for _ in $(seq 100); do
            kill -0 $pid 2>/dev/null || break
            if curl -s "http://127.0.0.1:$port/v2/" >/dev/null; then
                echo $pid >"$UMIAK_WORK/pid"; REG=127.0.0.1:$port; return
            fi
            sleep 0.1
        done
        kill $pid 2>/dev/null || true
    done
    return 1
}
file() { cat >"$CTX/$1"; chmod -R a+rX "$CTX"; }
build() { run_umiak build --tls-verify=false --network none "$@" "$CTX"; }
forget() { run_umiak rmi -f "$1"; run_umiak builder prune -af; }

@test "a store that never saw the build has every step from the registry, and the same image" {
    echo one | file data
    file Containerfile <<END
FROM $IMAGE
ENV A=1
RUN echo x > /x
WORKDIR /w
COPY data d
RUN cat d > e
LABEL l=1
END
    build -t kone --cache-to "$REG/cache"; first=${lines[-1]}
    is "$(grep -c -- "--> Pushing cache $REG/cache:" <<<"$output")" 6 "results that were uploaded"
    run_umiak run --rm --network none kone cat e
    is "$output" one "the image"
    forget kone
    build -t kone --cache-from "$REG/cache"
    is "$(grep -c -- "--> Cache pulled from remote $REG/cache:" <<<"$output")" 6 "results that were found"
    is "$(grep -c 'Using cache' <<<"$output")" 6 "steps that were not done"
    is "${lines[-1]}" "$first" "id of the image"
    run_umiak run --rm --network none kone cat e /x
    is "$output" $'one\nx' "the image"
    build -t kone   # they are in the local cache now
    is "$(grep -c 'Using cache' <<<"$output")" 6 "local hits"
    [[ $output != *"pulled from remote"* ]]
    forget kone
    # what was changed is done anew, and only that is uploaded
    echo two | file data
    build -t ktwo --cache-from "$REG/cache" --cache-to "$REG/cache"
    is "$(grep -c 'Cache pulled from remote' <<<"$output")" 3 "steps before the change"
    is "$(grep -c 'Pushing cache' <<<"$output")" 3 "steps from the change on"
    run_umiak run --rm --network none ktwo cat e
    is "$output" two "the changed image"
    run_umiak push -q --tls-verify=false ktwo "$REG/two:1"   # layers that came from a cache leave again
    forget ktwo
}

@test "results that are too old are not used; a repository that is not there is no error" {
    printf 'FROM %s\nRUN echo old > /old\n' "$IMAGE" | file Containerfile
    build --cache-to "$REG/ttl"; id=${lines[-1]}
    forget "$id"
    build --cache-from "$REG/ttl" --cache-ttl 1ns
    [[ $output != *"pulled from remote"* ]]
    forget "${lines[-1]}"
    build --cache-from "$REG/nosuch" --cache-from "$REG/ttl" --cache-ttl 24h
    [[ $output == *"Cache pulled from remote $REG/ttl:"* ]]
    forget "${lines[-1]}"
    build --retry 0 --cache-from 127.0.0.1:1/closed --cache-from "$REG/ttl"
    [[ $output == *"[Warning] --cache-from 127.0.0.1:1/closed: "* && $output == *"Cache pulled from remote $REG/ttl:"* ]]
}

@test "cache repositories: bad names and refused uploads are told" {
    printf 'FROM %s\nRUN echo bad > /bad\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --cache-from "$REG/cache:tag" "$CTX"
    [[ $output == *"--cache-from"*"repository must contain neither a tag nor digest"* ]]
    run_umiak 125 build --cache-to "$REG/cache:tag" "$CTX"
    run_umiak 125 build --layers=false --cache-to "$REG/cache" "$CTX"
    run_umiak 125 build --network none --retry 0 --cache-to 127.0.0.1:1/closed "$CTX"
    [[ $output == *"failed pushing cache to 127.0.0.1:1/closed:"* ]]
    build   # the step's result was kept all the same
    [[ $output == *"Using cache"* ]]
}
