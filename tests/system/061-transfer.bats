#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images out and in again: save, push, registries with TLS and passwords, policies, platforms. Skopeo is the other side.
load helpers

start_registry() { # NAME EXTRA-YAML: sets port and url; the process is ended in teardown_file
    port=$((20000 + RANDOM % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp:\n  addr: "127.0.0.1:%s"\n%s' \
        "$UMIAK_WORK/$1" "$port" "$2" >"$UMIAK_WORK/$1.yml"
    docker-registry serve "$UMIAK_WORK/$1.yml" >/dev/null 2>&1 3>&- &
    echo $! >>"$UMIAK_WORK/registries"
    for _ in $(seq 100); do curl -ks "http://127.0.0.1:$port/" >/dev/null && return; sleep 0.1; done
    return 1
}

setup_file() {
    command -v docker-registry >/dev/null && command -v skopeo >/dev/null || skip "docker-registry or skopeo is missing"
    umiak_setup_file
    # the registries are on the host's loopback, and so is everything here
    umiak_on_host_network
    start_registry plain ""; export PLAIN=127.0.0.1:$port
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$UMIAK_WORK/key.pem" -out "$UMIAK_WORK/cert.pem" 2>/dev/null
    python3 -c 'import crypt; print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$UMIAK_WORK/htpasswd"
    start_registry tls "$(printf '  tls: {certificate: %s, key: %s}\nauth: {htpasswd: {realm: r, path: %s}}\n' \
        "$UMIAK_WORK/cert.pem" "$UMIAK_WORK/key.pem" "$UMIAK_WORK/htpasswd")"
    export TLS=localhost:$port
    mkdir "$UMIAK_WORK/certs"; cp "$UMIAK_WORK/cert.pem" "$UMIAK_WORK/certs/ca.crt"; chmod -R a+rX "$UMIAK_WORK/certs"
}
teardown_file() {
    [ ! -f "$UMIAK_WORK/registries" ] || xargs kill <"$UMIAK_WORK/registries" 2>/dev/null || true
    umiak_teardown_file
}
teardown() { umiak_teardown; }

digest_of() { skopeo inspect --tls-verify=false "docker://$1" | jq -r .Digest; }

@test "save: every format is read by skopeo and by load; the image keeps its id" {
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    for f in docker-archive:a.tar oci-archive:b.tar oci-dir:c docker-dir:d; do
        format=${f%%:*} out=$UMIAK_WORK/tmp/${f#*:}
        run_umiak save -q --format "$format" -o "$out" $IMAGE
        case $format in oci-dir) t=oci ;; docker-dir) t=dir ;; *) t=$format ;; esac
        skopeo copy -q --insecure-policy "$t:$out" "dir:$BATS_TEST_TMPDIR/$format"
        run umiak --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" load -q -i "$out"
        is "$status" 0 "load $format: $output"
        run umiak --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" images -q --no-trunc
        is "$output" "sha256:$id" "$format keeps the id"
        umiak --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" system reset --force
        rm -rf "$out"
    done
}

@test "save: a pipe gets the same bytes as a file; the same image twice is the same archive" {
    umiak save -q $IMAGE >"$BATS_TEST_TMPDIR/1.tar"
    umiak save -q $IMAGE | cat >"$BATS_TEST_TMPDIR/2.tar"
    cmp "$BATS_TEST_TMPDIR/1.tar" "$BATS_TEST_TMPDIR/2.tar"
    run tar tf "$BATS_TEST_TMPDIR/1.tar"; like "$output" "manifest.json" "GNU tar reads it"
}

@test "save: several images with -m, several names without; wrong use is told" {
    umiak tag $IMAGE localhost/second:2
    run_umiak save -q -m -o "$UMIAK_WORK/tmp/m.tar" $IMAGE localhost/second:2
    run_umiak load -q -i "$UMIAK_WORK/tmp/m.tar"; like "$output" "$IMAGE.*localhost/second:2" "both names"
    run_umiak 125 save -q -m --format oci-archive -o "$UMIAK_WORK/tmp/x" $IMAGE localhost/second:2
    like "$output" "docker-archive" "only docker-archive holds several"
    run_umiak 125 save -q -o "$UMIAK_WORK/tmp/x" nosuchimage; like "$output" "nosuchimage: image not known" "unknown"
    [ ! -e "$UMIAK_WORK/tmp/x" ]
    run_umiak 125 save -q --format foo -o "$UMIAK_WORK/tmp/x" $IMAGE; like "$output" "unknown format" "format"
    run_umiak rmi localhost/second:2
}

@test "push: a pulled image goes out with the digest it came with; blobs that are there are not sent again" {
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$UMIAK_WORK/layout:latest" "docker://$PLAIN/a/b:1"
    run_umiak pull -q --tls-verify=false "$PLAIN/a/b:1"
    run_umiak push --tls-verify=false --digestfile "$UMIAK_WORK/tmp/digest" "$PLAIN/a/b:1" "$PLAIN/c:1"
    is "$(cat "$UMIAK_WORK/tmp/digest")" "$(digest_of "$PLAIN/a/b:1")" "digest file"
    is "$(digest_of "$PLAIN/c:1")" "$(digest_of "$PLAIN/a/b:1")" "same digest"
    run_umiak push --tls-verify=false "$PLAIN/a/b:1" "$PLAIN/c:2"; like "$output" "skipped: already exists" "nothing sent twice"
    run_umiak push -q --tls-verify=false -f v2s2 "$PLAIN/a/b:1" "$PLAIN/c:docker"
    run skopeo inspect --raw --tls-verify=false "docker://$PLAIN/c:docker"
    like "$output" "vnd.docker.distribution.manifest.v2" "another format"
    run_umiak pull -q --tls-verify=false "$PLAIN/a/b@$(digest_of "$PLAIN/a/b:1")"
    run_umiak pull -q -a --tls-verify=false "$PLAIN/c"; is "${#lines[@]}" 1 "one id for all tags: $output"
    run_umiak rmi -f "$PLAIN/a/b:1"
    umiak load -q -i "$UMIAK_WORK/image.tar"; umiak tag localhost/latest:latest $IMAGE
}

@test "push: --compression-format changes the blobs, not the image" {
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    for f in zstd gzip; do
        run_umiak push -q --tls-verify=false --compression-format $f --force-compression $IMAGE "$PLAIN/comp:$f"
        run skopeo inspect --raw --tls-verify=false "docker://$PLAIN/comp:$f"; like "$output" "tar.$f" "$f layers"
        run umiak --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" pull -q --tls-verify=false "$PLAIN/comp:$f"
        is "$output" "$id" "the same image"
    done
    umiak --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" system reset --force
    run_umiak 125 push --compression-format xz $IMAGE "$PLAIN/comp:x"; like "$output" "xz is not supported" "unknown format"
}

@test "push: what cannot be done is refused by name" {
    run_umiak 125 push --sign-by-sq-fingerprint me $IMAGE "$PLAIN/x:1"; like "$output" "sign-by-sq-fingerprint" "signing"
    run_umiak 125 push -f v2s1 $IMAGE "$PLAIN/x:1"; like "$output" "schema 1" "schema 1"
    run_umiak 125 push --tls-verify=false $IMAGE "$PLAIN/x@sha256:$(printf '0%.0s' $(seq 64))"; like "$output" "digest" "wrong digest"
    run_umiak 125 push $IMAGE "$PLAIN/x:1"; like "$output" "HTTPS client" "TLS is wanted"
}

@test "TLS and passwords: certificates, --creds and auth files are honoured, and nothing less is enough" {
    c="--cert-dir $UMIAK_WORK/certs"
    run_umiak 125 push -q --creds user:secret $IMAGE "$TLS/t:1"; like "$output" "certificate" "unknown authority"
    run_umiak 125 push -q $c $IMAGE "$TLS/t:1"; like "$output" "authentication required" "no password"
    run_umiak 125 push -q $c --creds user:wrong $IMAGE "$TLS/t:1"; like "$output" "authentication required" "wrong password"
    run_umiak push -q $c --creds user:secret $IMAGE "$TLS/t:1"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$TLS" "$(printf user:secret | base64)" >"$UMIAK_WORK/auth.json"
    printf '{"auths":' >"$UMIAK_WORK/broken.json"; chmod a+r "$UMIAK_WORK"/*.json
    run_umiak pull -q $c --authfile "$UMIAK_WORK/auth.json" "$TLS/t:1"
    run_umiak 125 pull -q $c --authfile "$UMIAK_WORK/broken.json" "$TLS/t:1"; like "$output" "broken.json" "a broken file is told"
    run_umiak 125 pull -q $c --authfile "$UMIAK_WORK/none.json" "$TLS/t:1"; like "$output" "none.json" "a missing file is told"
    run_umiak rmi "$TLS/t:1"
}

@test "policy: reject and signatures that cannot be verified refuse the image" {
    p=$UMIAK_WORK/policy.json
    printf '{"default":[{"type":"reject"}]}' >"$p"; chmod a+r "$p"
    run_umiak 125 load -q --signature-policy "$p" -i "$UMIAK_WORK/image.tar"; like "$output" "rejected by policy" "load"
    run_umiak 125 pull -q --tls-verify=false --signature-policy "$p" "$PLAIN/a/b:1"; like "$output" "rejected by policy" "pull"
    printf '{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"}]}' >"$p"
    run_umiak 125 pull -q --tls-verify=false --signature-policy "$p" "$PLAIN/a/b:1"; like "$output" "[sS]ignature was required" "signed"
    printf '{"default":[{"type":"insecureAcceptAnything"}],"bogus":1}' >"$p"
    run_umiak 125 load -q --signature-policy "$p" -i "$UMIAK_WORK/image.tar"; like "$output" "unknown key" "unknown member"
}

@test "run pulls what is missing, --pull=never does not" {
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$UMIAK_WORK/layout:latest" "docker://$PLAIN/run:1"
    run_umiak 125 run --rm --network none --pull=never "$PLAIN/run:1" true
    run_umiak run --rm --network none --tls-verify=false -q "$PLAIN/run:1" cat /etc/motd
    is "${lines[-1]}" "umiak test image" "ran"
    run_umiak rmi "$PLAIN/run:1"
}
