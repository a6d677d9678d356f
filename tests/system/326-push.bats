#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pushes of what is there already: blobs that a neighbour repository of the registry has.
load helpers
load ../lib/registry

setup_file() { umiak_setup_file; umiak_on_host_network; registry_start registry; export REGISTRY=$registry; }
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
setup() { W=$BATS_TEST_TMPDIR; }
teardown() { [ ! -e "$W/pids" ] || xargs kill <"$W/pids" 2>/dev/null || true; umiak_teardown; }

# A proxy before the registry: $proxy, requests in $W/log.
proxy_start() { # [no-mount]
    rm -f "$W/port"; : >"$W/log"
    python3 "$BATS_TEST_DIRNAME/../lib/proxy-no-patch.py" "$REGISTRY" "$W/port" "$W/log" "$@" 3>&- 4>&- 2>"$W/proxy.err" &
    echo $! >>"$W/pids"
    for _ in $(seq 300); do [ ! -e "$W/port" ] || break; sleep 0.1; done
    [ -e "$W/port" ] || { cat "$W/proxy.err"; return 1; }
    proxy=127.0.0.1:$(<"$W/port")
}

@test "push: blobs of the next repository are taken from there, without asking for them first" {
    proxy_start
    run_umiak push -q --tls-verify=false $IMAGE "$proxy/one:1"
    run_umiak tag $IMAGE "$proxy/one:1"
    : >"$W/log"
    run_umiak push --tls-verify=false "$proxy/one:1" "$proxy/two:1"
    like "$output" "skipped: already exists" "told"
    is "$(grep -c HEAD "$W/log" || true)" 0 "nothing is asked for"
    is "$(grep -c PUT "$W/log")" 1 "and nothing but the manifest is sent"
    is "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/two:1" | sha256sum)" \
        "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/one:1" | sha256sum)" "the same manifest"
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/two:1" "dir:$W/d"   # and it is whole
    run_umiak untag $IMAGE "$proxy/one:1"
}

@test "push: a registry that takes nothing from the next repository is asked, and gets what it has not" {
    proxy_start no-mount
    run_umiak push -q --tls-verify=false $IMAGE "$proxy/three:1"
    run_umiak tag $IMAGE "$proxy/three:1"
    : >"$W/log"
    run_umiak push -q --tls-verify=false "$proxy/three:1" "$proxy/four:1"
    [ "$(grep -c PUT "$W/log")" -gt 1 ] || { cat "$W/log"; echo "no blob was sent"; return 1; }
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/four:1" "dir:$W/d"
    : >"$W/log"
    run_umiak push -q --tls-verify=false "$proxy/three:1" "$proxy/four:2"
    is "$(grep -c PUT "$W/log")" 1 "now it has them"
    run_umiak untag $IMAGE "$proxy/three:1"
}
