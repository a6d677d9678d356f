#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries that come late, and layers that are fetched in pieces.
load helpers
load ../lib/registry

setup_file() {
    command -v docker-registry >/dev/null && command -v skopeo >/dev/null || skip "docker-registry or skopeo is missing"
    umiak_setup_file
    umiak_on_host_network
    registry_start plain
    export REGISTRY=$registry
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
teardown() { umiak_teardown; }

@test "a registry that starts while we pull is waited for, and the user is told" {
    run_umiak push -q --tls-verify=false $IMAGE "$REGISTRY/late:1"
    port=$(registry_free_port)
    umiak pull -q --tls-verify=false --retry 60 --retry-delay 500ms "127.0.0.1:$port/late:1" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&- &
    pull=$!
    for _ in $(seq 600); do grep -q "retrying in 500ms" "$BATS_TEST_TMPDIR/err" && break; sleep 0.1; done
    like "$(<"$BATS_TEST_TMPDIR/err")" "Failed, retrying in 500ms ... \(1/60\). Error: initializing source.*connection refused" "told why"
    registry_start plain "$port"   # the same storage
    wait $pull
    is "$(<"$BATS_TEST_TMPDIR/out")" "$(umiak image inspect --format '{{.Id}}' $IMAGE)" "the image came"
    umiak untag $IMAGE "127.0.0.1:$port/late:1"
}

@test "a refused connection ends a pull after the retries, at once with none; looking does not wait" {
    port=$(registry_free_port)
    run_umiak 125 pull -q --tls-verify=false --retry 2 --retry-delay 10ms "127.0.0.1:$port/x"
    is "$(grep -c retrying <<<"$output")" 2 "two retries"
    like "$output" "connection refused" "the reason"
    run_umiak 125 pull -q --tls-verify=false --retry 0 "127.0.0.1:$port/x"
    is "$(grep -c retrying <<<"$output" || true)" 0 "no retry"
    run_umiak 125 push -q --tls-verify=false --retry 1 --retry-delay 10ms $IMAGE "127.0.0.1:$port/x"
    is "$(grep -c retrying <<<"$output")" 1 "a push as well"
    run_umiak 125 login --tls-verify=false -u a -p b "127.0.0.1:$port"
    is "$(grep -c retrying <<<"$output" || true)" 0 "login asks once"
}

@test "help shows the retries that are configured" {
    run_umiak pull --help
    like "$output" "--retry .*performing pull \(default 3\)" "built in"
    printf '[engine]\nretry = 7\nretry_delay = "4s"\n' >"$UMIAK_WORK/c.conf"; chmod 644 "$UMIAK_WORK/c.conf"
    export CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/c.conf
    for c in "pull pull" "push push" "run pull" "create pull"; do
        run_umiak "${c% *}" --help
        like "$output" "performing ${c#* } \(default 7\)" "${c% *}"
        like "$output" "${c#* } failures \(default \"4s\"\)" "${c% *}"
    done
}

# Two versions of an image that share nine of ten files, as zstd:chunked.
make_versions() {
    local d=$BATS_TEST_TMPDIR/tree
    [ ! -e "$UMIAK_WORK/tmp/v2.tar" ] || return 0
    mkdir "$d"
    for i in $(seq 40); do openssl rand -hex $((4000 + 300 * i)) >"$d/f$i"; done
    touch -d @1700000000 "$d"/*
    tar -C "$d" --owner=0 --group=0 -cf "$UMIAK_WORK/tmp/v1.tar" .
    for i in 7 8 20 33; do echo new >>"$d/f$i"; done
    tar -C "$d" --owner=0 --group=0 -cf "$UMIAK_WORK/tmp/v2.tar" .
    chmod a+r "$UMIAK_WORK"/tmp/v?.tar
    for v in 1 2; do
        run_umiak import -q "$UMIAK_WORK/tmp/v$v.tar" "$REGISTRY/app:$v"
        run_umiak push -q --tls-verify=false --compression-format zstd:chunked "$REGISTRY/app:$v"
        run_umiak rmi "$REGISTRY/app:$v"
    done
}

# "FETCHED WHOLE" of the last debug line about a partial blob
partial_of() { sed -n 's/.*Retrieved partial blob [^ ]* \([0-9]*\) of \([0-9]*\) bytes.*/\1 \2/p'; }

same_files() { # IMAGE TAR
    umiak save -q --format oci-archive -o "$UMIAK_WORK/tmp/x.tar" "$1"
    skopeo copy -q --insecure-policy "oci-archive:$UMIAK_WORK/tmp/x.tar" "dir:$BATS_TEST_TMPDIR/x"
    local layer; layer=$(jq -r '.layers[0].digest' "$BATS_TEST_TMPDIR/x/manifest.json")
    zstd -dcq "$BATS_TEST_TMPDIR/x/${layer#*:}" | cmp - "$2"
    rm -rf "$BATS_TEST_TMPDIR/x" "$UMIAK_WORK/tmp/x.tar"
}

@test "zstd:chunked: pushed with a table; an update fetches only what changed, and is the same image" {
    make_versions
    run skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:1"
    like "$output" "zstd-chunked.manifest-position" "annotated"
    run_umiak pull -q --tls-verify=false "$REGISTRY/app:1"
    run_umiak --log-level debug pull -q --tls-verify=false "$REGISTRY/app:2"
    read -r fetched whole < <(partial_of <<<"$output")
    echo "fetched $fetched of $whole"
    [ "$fetched" -gt 0 ] && [ $((fetched * 4)) -lt "$whole" ]
    same_files "$REGISTRY/app:2" "$UMIAK_WORK/tmp/v2.tar"
    run_umiak rmi "$REGISTRY/app:1" "$REGISTRY/app:2"
    # control: nothing here to take from, and switched off
    run_umiak --log-level debug pull -q --tls-verify=false "$REGISTRY/app:1"
    is "$(partial_of <<<"$output")" "" "the first one comes whole"
    run_umiak --log-level debug --pull-option enable_partial_images=false pull -q --tls-verify=false "$REGISTRY/app:2"
    is "$(partial_of <<<"$output")" "" "switched off"
    run_umiak rmi "$REGISTRY/app:1" "$REGISTRY/app:2"
}

@test "zstd:chunked: a table that lies costs a whole download, never the image" {
    make_versions
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/app:2" "dir:$BATS_TEST_TMPDIR/evil"
    m=$BATS_TEST_TMPDIR/evil/manifest.json
    cp "$m" "$BATS_TEST_TMPDIR/good.json"
    place='.layers[0].annotations."io.github.containers.zstd-chunked.manifest-position"'
    sum='.layers[0].annotations."io.github.containers.zstd-chunked.manifest-checksum"'
    n=0
    for edit in "$place = \"1:2:3:1\"" "$place = \"99999999999:10:10:1\"" "$place = \"-5:nonsense\"" \
            "$sum = \"sha256:$(printf 0%.0s {1..64})\"" "$place |= sub(\":[0-9]+:1\$\"; \":999999999:1\")"; do
        n=$((n + 1))
        jq -c "$edit" "$BATS_TEST_TMPDIR/good.json" >"$m"
        skopeo copy -q --insecure-policy --dest-tls-verify=false "dir:$BATS_TEST_TMPDIR/evil" "docker://$REGISTRY/evil:$n"
        run_umiak pull -q --tls-verify=false "$REGISTRY/app:1"
        run_umiak --log-level debug pull -q --tls-verify=false "$REGISTRY/evil:$n"
        like "$output" "not in pieces" "$edit is noticed"
        same_files "$REGISTRY/evil:$n" "$UMIAK_WORK/tmp/v2.tar"
        run_umiak rmi "$REGISTRY/evil:$n" "$REGISTRY/app:1"
    done
    run_umiak system check
}

@test "push: what was compressed once is asked for, not compressed again" {
    run_umiak push --tls-verify=false $IMAGE "$REGISTRY/once:1"
    is "$(grep -c "Copying blob.*already exists" <<<"$output" || true)" 0 "the first time it is sent"
    first=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/once:1")
    run_umiak push --tls-verify=false $IMAGE "$REGISTRY/once:2"
    like "$output" "Copying blob.*skipped: already exists" "the second time nothing is sent"
    is "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/once:2")" "$first" "the same manifest"
    # what is remembered is only a question: another registry gets the bytes
    run_umiak push --tls-verify=false $IMAGE "oci:$UMIAK_WORK/tmp/once"
    skopeo inspect --raw "oci:$UMIAK_WORK/tmp/once" >/dev/null
}

@test "push: a registry that takes no stream gets the blob from a file" {
    python3 "$BATS_TEST_DIRNAME/../lib/proxy-no-patch.py" "$REGISTRY" "$BATS_TEST_TMPDIR/port" "$BATS_TEST_TMPDIR/log" 3>&- 4>&- &
    proxy=$!
    for _ in $(seq 300); do [ ! -e "$BATS_TEST_TMPDIR/port" ] || break; sleep 0.1; done
    run umiak push -q --tls-verify=false --compression-format zstd $IMAGE "127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")/nostream:1"
    kill $proxy
    is "$status" 0 "push: $output"
    like "$(<"$BATS_TEST_TMPDIR/log")" "PATCH" "it was asked to take a stream"
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/nostream:1" "dir:$BATS_TEST_TMPDIR/d"
}
