#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Security matrix, classes E and G: what an image says about itself, and what registries and files of logins may do. Every
# test has a control that shows the mechanism at work.
load helpers
load ../lib/registry

setup_file() {
    command -v skopeo >/dev/null && command -v jq >/dev/null && command -v docker-registry >/dev/null || skip "skopeo, jq or docker-registry is missing"
    umiak_setup_file
    skopeo copy -q --insecure-policy "oci-archive:$UMIAK_WORK/image.tar" "dir:$UMIAK_WORK/base"
    # pull, login and artifacts talk to the host's loopback; containers stay in the file's namespace
    registry_start plain
    export REGISTRY=$registry
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
teardown() { umiak_teardown; }

# The test image with another configuration: JQ edits it, JQ2 the manifest. Its id goes to $image.
edit_image() { # JQ [JQ2]
    local d=$UMIAK_WORK/tmp/edited m old new
    rm -rf "$d"; cp -r "$UMIAK_WORK/base" "$d"; m=$d/manifest.json
    old=$(jq -r .config.digest "$m" | cut -d: -f2)
    jq -c "$1" "$d/$old" >"$d/new"; new=$(sha256sum "$d/new" | cut -d' ' -f1); mv "$d/new" "$d/$new"
    jq -c --arg d "sha256:$new" --argjson s "$(stat -c %s "$d/$new")" ".config.digest = \$d | .config.size = \$s | ${2:-.}" "$m" >"$m.n"; mv "$m.n" "$m"
    chmod -R a+rX "$d"
    run umiak pull -q "dir:$d"
    image=$output
    return "$status"
}

@test "E1: variables of the image take nothing from the host's environment" {
    edit_image '.config.Env = ["HOST_SECRET", "HOST_*", "*", "", "=v", "GOOD=1"]' || { like "$output" "environment" "refused"; return 0; }
    export HOST_SECRET=hunter2
    run_umiak run --rm --network none "$image" env
    like "$output" "GOOD=1" "the good one is there"
    [[ $output != *hunter2* ]]
    run_umiak run --rm --network none --env HOST_SECRET "$image" env
    like "$output" "HOST_SECRET=hunter2" "control: the operator may"
}

@test "E2 E3: labels and annotations of an image configure nothing" {
    edit_image '.config.Labels = {"io.podman.annotations.privileged": "TRUE", "io.podman.annotations.seccomp": "unconfined",
        "run.oci.keep_original_groups": "1", "io.containers.autoupdate": "registry", "io.umiak.privileged": "true",
        "PODMAN_SYSTEMD_UNIT": "evil.service", "org.opencontainers.image.x": "fine"}' \
        '.annotations = {"run.oci.hooks": "/evil", "run.oci.mount_context_type": "x", "io.podman.annotations.privileged": "TRUE"}'
    plain=$(umiak run --rm --network none $IMAGE cat /proc/self/status | grep -E '^(Cap|Seccomp|NoNew)')
    run_umiak run --rm --network none "$image" cat /proc/self/status
    is "$(grep -E '^(Cap|Seccomp|NoNew)' <<<"$output")" "$plain" "the same rights"
    run_umiak create --name labelled --network none "$image"
    is "$(umiak inspect --format '{{.HostConfig.Privileged}} {{json .HostConfig.SecurityOpt}}' labelled)" \
        "$(umiak create --name other --network none $IMAGE >/dev/null; umiak inspect --format '{{.HostConfig.Privileged}} {{json .HostConfig.SecurityOpt}}' other)" "as without"
    [[ $(umiak inspect --format '{{json .Config.Annotations}}' labelled) != *evil* ]]
    run_umiak run --rm --network none --privileged "$image" cat /proc/self/status
    [ "$(grep -E '^(Cap|Seccomp|NoNew)' <<<"$output")" != "$plain" ]   # control
}

@test "E7 E8: absurd configurations end in one line or are harmless, quickly" {
    while read -r edit; do
        if edit_image "$edit"; then
            status=0; output=$(umiak run --rm --network none "$image" true 2>&1) || status=$?
            [ "$status" -lt 128 ] || { echo "$edit: $status $output"; false; }
        fi
        [ "$(grep -c . <<<"$output")" -le 6 ] || { echo "$edit: $output"; false; }
    done <<'END'
.config.StopSignal = "SIGNONSENSE"
.config.StopSignal = "99999999999999999999"
.config.ExposedPorts = {"99999999/tcp": {}, "-1/udp": {}, "80/../../x": {}}
.config.WorkingDir = "../../../../../.."
.config.User = "a:b:c:d"
.config.User = "4294967296:99999999999"
.config.Volumes = {"../../x": {}, "/": {}, "": {}}
.config.Healthcheck = {"Test": ["CMD"], "Interval": -1, "Retries": -5}
.rootfs.diff_ids = []
.rootfs.diff_ids = null
.rootfs.diff_ids += [.rootfs.diff_ids[0]]
.history = [{"empty_layer": false}, {"empty_layer": false}, null]
.config.Cmd = [] | .config.Entrypoint = [""]
.config.Env = [range(20000) | "V\(.)=x"]
END
    run_umiak run --rm --network none $IMAGE true   # control
}

@test "G8 G10: broken files of logins fail closed; secrets appear in no log" {
    umiak push -q --tls-verify=false $IMAGE "$REGISTRY/x:1"
    for text in '{"auths": ' '[]' '{"auths": {"'"$REGISTRY"'": {"auth": "%%%"}}}' '{"credHelpers": {"'"$REGISTRY"'": "is-not-there"}}'; do
        printf '%s' "$text" >"$UMIAK_WORK/tmp/auth.json"; chmod a+r "$UMIAK_WORK/tmp/auth.json"
        run_umiak 125 pull -q --tls-verify=false --authfile "$UMIAK_WORK/tmp/auth.json" "$REGISTRY/x:1"
    done
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$REGISTRY" "$(printf 'joe:hunter2secret' | base64)" >"$UMIAK_WORK/tmp/auth.json"
    for c in "pull -q --tls-verify=false --authfile $UMIAK_WORK/tmp/auth.json $REGISTRY/x:1" \
            "pull -q --tls-verify=false --creds joe:hunter2secret $REGISTRY/x:1" \
            "login --tls-verify=false --authfile $UMIAK_WORK/tmp/other.json -u joe -p hunter2secret $REGISTRY"; do
        run_umiak $c --log-level trace   # control: they work
        [[ $output != *hunter2secret* && $output != *"$(printf 'joe:hunter2secret' | base64)"* ]] || { echo "$c: $output"; false; }
    done
}

@test "G13: the title of an artifact's file names a file in the directory, and nothing else" {
    echo content >"$UMIAK_WORK/tmp/f"; chmod a+r "$UMIAK_WORK/tmp/f"
    run_umiak artifact add "$REGISTRY/art:1" "$UMIAK_WORK/tmp/f"
    run_umiak artifact push -q --tls-verify=false "$REGISTRY/art:1"
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/art:1" "dir:$BATS_TEST_TMPDIR/art"
    m=$BATS_TEST_TMPDIR/art/manifest.json; cp "$m" "$BATS_TEST_TMPDIR/good.json"
    n=1
    mkdir "$UMIAK_WORK/tmp/out"; chmod 777 "$UMIAK_WORK/tmp/out"
    for title in "../escaped" "/tmp/umiak-escaped" "a/../../escaped" ".." "." "a/b" "$(printf 'x%.0s' {1..4000})"; do
        n=$((n + 1))
        jq -c --arg t "$title" '.layers[0].annotations["org.opencontainers.image.title"] = $t' "$BATS_TEST_TMPDIR/good.json" >"$m"
        skopeo copy -q --insecure-policy --dest-tls-verify=false "dir:$BATS_TEST_TMPDIR/art" "docker://$REGISTRY/art:$n"
        run umiak artifact pull -q --tls-verify=false "$REGISTRY/art:$n"
        run umiak artifact extract "$REGISTRY/art:$n" "$UMIAK_WORK/tmp/out"
        [ ! -e "$UMIAK_WORK/tmp/escaped" ] && [ ! -e /tmp/umiak-escaped ] && [ ! -e "$UMIAK_WORK/escaped" ]
    done
    run_umiak artifact extract "$REGISTRY/art:1" "$UMIAK_WORK/tmp/out"   # control
    is "$(cat "$UMIAK_WORK/tmp/out/f")" content "the good one"
    umiak artifact rm -a >/dev/null
}

@test "G16: rewriting rules end, and lead nowhere that is no registry" {
    for conf in 'prefix = "a.test"\nlocation = "b.test"\n[[registry]]\nprefix = "b.test"\nlocation = "a.test"' \
            'prefix = "a.test"\nlocation = "joe:secret@b.test"' 'prefix = "a.test"\nlocation = "http://b.test"' \
            'prefix = "a.test"\nlocation = ""' 'prefix = "a.test"\nlocation = "b.test/../../x"' 'prefix = "a.test"\nblocked = true'; do
        printf "[[registry]]\n$conf\n" >"$UMIAK_WORK/tmp/r.conf"; chmod a+r "$UMIAK_WORK/tmp/r.conf"
        CONTAINERS_REGISTRIES_CONF=$UMIAK_WORK/tmp/r.conf run_umiak 125 pull -q --retry 0 a.test/x:1
    done
    for name in "joe:pw@$REGISTRY/x:1" "http://$REGISTRY/x" "localhost./x/../y" "$REGISTRY/../x" "раураl.test/X"; do
        run_umiak 125 pull -q --tls-verify=false --retry 0 "$name"
    done
    printf '[[registry]]\nprefix = "a.test"\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$UMIAK_WORK/tmp/r.conf"
    umiak push -q --tls-verify=false $IMAGE "$REGISTRY/x:1"
    CONTAINERS_REGISTRIES_CONF=$UMIAK_WORK/tmp/r.conf run_umiak pull -q a.test/x:1   # control
    umiak untag $IMAGE a.test/x:1
}
