#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Manifest lists and artifacts: made here, sent to a registry, read by skopeo.
load helpers

setup_file() {
    for tool in docker-registry skopeo jq; do command -v $tool >/dev/null || skip "$tool is missing"; done
    umiak_setup_file
    port=$((20000 + RANDOM % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
        "$UMIAK_WORK/reg" "$port" >"$UMIAK_WORK/reg.yml"
    docker-registry serve "$UMIAK_WORK/reg.yml" >/dev/null 2>&1 3>&- &
    echo $! >"$UMIAK_WORK/registries"
    for _ in $(seq 100); do curl -s "http://127.0.0.1:$port/" >/dev/null && break; sleep 0.1; done
    export R=127.0.0.1:$port F=$UMIAK_WORK/files
    mkdir "$F"; echo hello >"$F/a.txt"; printf '\0\1\2' >"$F/b.bin"; chmod -R a+rX "$F"
    ! rootless || chown "$UMIAK_TEST_USER" "$F"
}
teardown_file() {
    [ ! -f "$UMIAK_WORK/registries" ] || xargs kill <"$UMIAK_WORK/registries" 2>/dev/null || true
    umiak_teardown_file
}
teardown() { umiak_teardown; }

raw() { skopeo inspect --raw --tls-verify=false "docker://$R/$1"; }

@test "manifest: a list keeps its id, is listed, removed, and leaves nothing behind" {
    blobs() { if rootless; then umiak unshare true 2>/dev/null; d=$UMIAK_WORK/home/.local/share/umiak; else d=$UMIAK_WORK/root; fi; find "$d/blobs" -type f | wc -l; }
    n=$(blobs)
    run_umiak manifest create l:1; id=$output
    run_umiak 125 manifest create l:1; like "$output" "already in use" "twice"
    run_umiak manifest create --amend l:1; is "$output" "$id" "amend"
    run_umiak manifest add l:1 "containers-storage:$IMAGE"; is "$output" "$id" "the id stays"
    run_umiak images --format '{{.Repository}}:{{.Tag}} {{.ID}}' --no-trunc localhost/l
    is "$output" "localhost/l:1 sha256:$id" "images"
    run_umiak run --rm --network none l:1 echo chosen; is "$output" chosen "run takes the image of this machine"
    d=$(umiak manifest inspect l:1 | jq -r '.manifests[0].digest')
    run_umiak manifest annotate --arch arm64 --variant v8 --annotation a=b l:1 "$d"
    is "$(umiak manifest inspect l:1 | jq -c '.manifests[0] | [.platform.architecture, .platform.variant, .annotations.a]')" '["arm64","v8","b"]' "annotate"
    run umiak run --rm --network none --pull never l:1 true; [ "$status" != 0 ]
    run_umiak manifest remove l:1 "$d"; is "$(umiak manifest inspect l:1 | jq '.manifests | length')" 0 "remove"
    run_umiak 125 manifest remove l:1 "$d"
    run_umiak 125 manifest rm "$IMAGE"; like "$output" "image is not a manifest list" "rm of an image"
    run_umiak manifest rm l:1; run_umiak 1 manifest rm l:1; like "$output" "l:1: image not known" "twice"
    run_umiak manifest rm --ignore l:1; run_umiak 1 manifest exists l:1
    is "$(blobs)" "$n" "no blob is left"
    run_umiak system check
}

@test "manifest push: images go along; formats, compressions, other registries' images" {
    run_umiak manifest create p:1
    run_umiak manifest add p:1 "containers-storage:$IMAGE"
    run_umiak manifest push -q --tls-verify=false --add-compression zstd p:1 "$R/p:1"
    is "$(raw p:1 | jq -c '[.manifests[].annotations["io.github.containers.compression.zstd"]]')" '[null,"true"]' "variants"
    skopeo copy -q --insecure-policy --src-tls-verify=false --all "docker://$R/p:1" "dir:$BATS_TEST_TMPDIR/all"
    run_umiak manifest push -q --tls-verify=false --format v2s2 p:1 "$R/p:2"
    is "$(raw p:2 | jq -r '.mediaType, .manifests[0].mediaType' | paste -sd' ')" \
        "application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json" "v2s2"
    run_umiak manifest create --all --tls-verify=false q:1 "docker://$R/p:1"
    is "$(umiak manifest inspect q:1 | jq '.manifests | length')" 2 "all of a remote list"
    run_umiak manifest push -q --tls-verify=false --rm q:1 "$R/elsewhere/q:1"
    skopeo copy -q --insecure-policy --src-tls-verify=false --all "docker://$R/elsewhere/q:1" "dir:$BATS_TEST_TMPDIR/q"
    run_umiak 1 manifest exists q:1
    run_umiak manifest inspect --tls-verify=false "$R/elsewhere/q:1"; is "$(jq '.manifests | length' <<<"$output")" 2 "inspect of a registry"
    run_umiak manifest rm p:1
}

@test "manifest add --artifact: files become entries" {
    run_umiak manifest create --annotation k=v a:1
    run_umiak manifest add --artifact --artifact-type text/x-mine --os linux --arch amd64 a:1 "$F/a.txt"
    run_umiak manifest add --artifact --artifact-exclude-titles a:1 "$F/b.bin"
    run_umiak manifest push -q --tls-verify=false a:1 "$R/a:1"
    is "$(raw a:1 | jq -c '[.annotations.k, .manifests[0].artifactType, .manifests[0].platform.os, .manifests[1].artifactType]')" \
        '["v","text/x-mine","linux","application/vnd.unknown.artifact.v1"]' "index"
    d=$(raw a:1 | jq -r '.manifests[0].digest')
    is "$(raw "a@$d" | jq -c '[.layers[0].mediaType, .layers[0].annotations["org.opencontainers.image.title"], .config.mediaType]')" \
        '["text/plain","a.txt","application/vnd.oci.empty.v1+json"]' "artifact"
    run_umiak 125 manifest add --artifact-type x a:1 "$F/a.txt"; like "$output" "artifact-type requires --artifact" "needs --artifact"
    run_umiak rmi a:1
}

@test "artifact: add, append, replace, extract, push, pull, remove" {
    run_umiak artifact add --type text/x-t "$R/art:1" "$F/a.txt"; first=$output
    run_umiak 125 artifact add "$R/art:1" "$F/b.bin"; like "$output" "artifact already exists" "twice"
    run_umiak artifact add --append --annotation c=d "$R/art:1" "$F/b.bin"
    run_umiak 125 artifact add --append "$R/art:1" "$F/b.bin"; like "$output" "file already exists in artifact" "the same file twice"
    run_umiak artifact inspect "$R/art:1"
    is "$(jq -c '[.Manifest.layers[].mediaType, .Manifest.artifactType]' <<<"$output")" \
        '["text/plain; charset=utf-8","application/octet-stream","text/x-t"]' "inspect"
    run_umiak artifact push -q --tls-verify=false "$R/art:1"
    is "$(raw art:1 | jq -r '.layers[1].annotations.c')" d "skopeo reads it"
    run_umiak artifact rm --all
    run_umiak 125 artifact inspect "$R/art:1"; is "$output" "Error: $R/art:1: artifact does not exist" "gone"
    run_umiak artifact pull -q --tls-verify=false "$R/art:1"
    mkdir "$F/out"; ! rootless || chown "$UMIAK_TEST_USER" "$F/out"
    run_umiak artifact extract "$R/art:1" "$F/out"; cmp "$F/a.txt" "$F/out/a.txt"; cmp "$F/b.bin" "$F/out/b.bin"
    run_umiak artifact extract --title a.txt "$R/art:1" "$F/one"; cmp "$F/a.txt" "$F/one"
    run_umiak 125 artifact extract "$R/art:1" "$F/two"; like "$output" "not a directory" "several into one file"
    umiak artifact extract "$R/art:1" - | tar -xOf - a.txt | cmp - "$F/a.txt"
    run_umiak artifact ls --format '{{.Repository}} {{.Tag}} {{.VirtualSize}}'; is "$output" "$R/art 1 9" "ls"
    run_umiak artifact add --replace "$R/art:1" "$F/a.txt"
    run_umiak artifact rm "$R/art:1"; run_umiak artifact rm --ignore "$R/art:1"; run_umiak 125 artifact rm "$R/art:1"
}

@test "E: a title that is no file name is refused, and nothing is written outside" {
    run_umiak artifact add --annotation 'org.opencontainers.image.title=../evil' "$R/bad:1" "$F/a.txt"
    mkdir "$F/inner"; ! rootless || chown "$UMIAK_TEST_USER" "$F/inner"
    run_umiak 125 artifact extract "$R/bad:1" "$F/inner"; like "$output" "title annotation is invalid" "refused"
    [ ! -e "$F/evil" ]
    run_umiak artifact extract --digest "$(umiak artifact inspect "$R/bad:1" | jq -r '.Manifest.layers[0].digest')" "$R/bad:1" "$F/inner"
    run_umiak artifact rm "$R/bad:1"
}
