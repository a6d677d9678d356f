#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stores that names and options speak of; what is found in a store that was damaged; layers another program chunked.
load helpers
load ../lib/registry

setup_file() { umiak_setup_file; umiak_on_host_network; }
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
setup() { W=$UMIAK_WORK/tmp/w; mkdir -p "$W"; chmod 777 "$W"; }
teardown() { umiak_teardown; umount "$W/theirs/root/overlay" 2>/dev/null || true; rm -rf "$W"; }

@test "image inspect, copy: containers-storage:[driver@root+runroot:options] means that store and no other" {
    spec="[overlay@$W/other+$W/otherrun]"
    run_umiak image copy -q --insecure-policy "containers-storage:$IMAGE" "containers-storage:${spec}localhost/there:1"
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak image inspect --format '{{.Id}} {{.RepoTags}}' "containers-storage:${spec}localhost/there:1"
    is "$output" "$id [localhost/there:1]" "there"
    run_umiak image inspect --raw "containers-storage:${spec}localhost/there:1"; like "$output" '"layers"' "raw"
    run_umiak image inspect --config "containers-storage:${spec}localhost/there:1"
    is "$(sha256sum <<<"$output" | cut -c1-8)" "$(umiak image inspect --config "containers-storage:$IMAGE" | sha256sum | cut -c1-8)" "config"
    run_umiak 125 image inspect localhost/there:1                             # controls: not ours,
    run_umiak 125 image inspect "containers-storage:${spec}$IMAGE"            # and ours is not there
    run_umiak image inspect "containers-storage:[overlay@$W/other+$W/otherrun:overlay.mountopt=nodev]localhost/there:1"
    run_umiak 125 image inspect "containers-storage:[overlay@$W/other+$W/otherrun:overlay.nonsense=1]localhost/there:1"
    like "$output" 'unknown storage option "overlay.nonsense=1"' "by name"
    mkdir -p "$W/podman/overlay-images"
    run_umiak 125 image inspect "containers-storage:[overlay@$W/podman+$W/run]x"
    like "$output" "is a store of another program; .*additionalimagestore=$W/podman" "with the remedy"
    is "$(ls -A "$W/podman")" overlay-images "and nothing is made in it"
    run umiak --root "$W/other" --runroot "$W/otherrun" system reset --force
}

@test "--imagestore: an overlay store of skopeo and podman" {
    skip_rootless "skopeo writes overlay stores as root only here"
    command -v skopeo >/dev/null || skip "skopeo is missing"
    run_umiak save -q -o "$W/i.tar" $IMAGE
    skopeo copy -q --insecure-policy "docker-archive:$W/i.tar" "containers-storage:[overlay@$W/theirs/root+$W/theirs/run]localhost/theirs:1"
    before=$(find "$W/theirs/root" -type f ! -name '*.lock' -exec sha256sum {} + | sort | sha256sum)
    run_umiak --imagestore "$W/theirs/root" images -n --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}'
    like "$output" "localhost/theirs:1 true" "listed"
    run_umiak --imagestore "$W/theirs/root" run --rm --network none localhost/theirs:1 cat /data/file
    is "$output" "second layer" "run"
    run_umiak --imagestore "$W/theirs/root" image inspect --format '{{.Id}}' localhost/theirs:1
    is "$output" "$(umiak image inspect --format '{{.Id}}' $IMAGE)" "the same image"
    is "$(find "$W/theirs/root" -type f ! -name '*.lock' -exec sha256sum {} + | sort | sha256sum)" "$before" "untouched"
    run_umiak 1 image exists localhost/theirs:1   # control
    run_umiak 125 --imagestore "$W/theirs/root" load -q -i "$W/i.tar"; like "$output" "is a store of another program" "not written"
}

@test "--imagestore: new images go there, and are found with it only" {
    run_umiak image copy -q --insecure-policy "containers-storage:$IMAGE" "docker-archive:$W/i.tar:localhost/second:1"
    before=$(umiak images -a --no-trunc | sort)
    run_umiak --imagestore "$W/second" load -q -i "$W/i.tar"
    is "$(umiak images -a --no-trunc | sort)" "$before" "ours is as before"
    run_umiak --imagestore "$W/second" run --rm --network none localhost/second:1 cat /data/file; is "$output" "second layer" "run from there"
    run_umiak --imagestore "$W/second" images -n --format '{{.Repository}}'
    like "$output" "localhost/second" "listed"; like "$output" "localhost/umiak/test" "beside ours"
    run_umiak 1 image exists localhost/second:1   # control
    mkdir -p "$W/t"; tar -C "$W" -cf "$W/l.tar" t; chmod a+r "$W/l.tar"
    run_umiak --imagestore "$W/second" import -q "$W/l.tar" localhost/third:1
    is "$(umiak images -a --no-trunc | sort)" "$before" "nor by import"
    run_umiak --imagestore "$W/second" image exists localhost/third:1
    run_umiak 125 --imagestore second images; like "$output" "must be an absolute path" "a relative one"
    rootless || rm -rf "$W/second"
    rootless || return 0
    umiak unshare rm -rf "$W/second"
}

@test "--imagestore: build, commit and the pull of run bring images there, where tag, rmi and prune find them" {
    second() { run_umiak --imagestore "$W/second" "$@"; }
    before=$(umiak images -a --no-trunc | sort)
    mkdir "$W/context"; printf 'FROM %s\nRUN echo built >/file\n' "$IMAGE" >"$W/context/Containerfile"
    second build -q --network none -t localhost/built:1 "$W/context"
    second run --network none --name c localhost/built:1 cat /file; is "$output" built "run"
    second commit -q c localhost/committed:1
    run_umiak save -q --format oci-archive -o "$W/o.tar" $IMAGE
    run_umiak image copy -q --insecure-policy "oci-archive:$W/o.tar" "dir:$W/d"
    second run -q --rm --network none "dir:$W/d" cat /data/file; is "$output" "second layer" "pulled by run"
    second pull -q "oci:$UMIAK_WORK/layout:latest"
    is "$(umiak images -a --no-trunc | sort)" "$before" "ours is as before"
    second run --rm --network none localhost/committed:1 cat /file; is "$output" built "committed"
    second tag localhost/committed:1 localhost/named:1
    second rmi localhost/committed:1; is "$output" "Untagged: localhost/committed:1" "a name of two"
    run_umiak 2 --imagestore "$W/second" rmi localhost/built:1; like "$output" "image is in use by a container" "in use"
    second untag localhost/built:1
    second untag localhost/named:1
    second image prune -f
    run_umiak --imagestore "$W/second" images -aq --no-trunc
    is "$output" "$(printf 'sha256:%s\n' "$(umiak inspect --format '{{.Image}}' c)" "$(umiak image inspect --format '{{.Id}}' $IMAGE)")" "only that of a container stays"
    second rm c
    rootless || rm -rf "$W/second"
    ! rootless || umiak unshare rm -rf "$W/second"
}

@test "--imagestore: what an image there is made of stays here; manifest lists are made there" {
    second() { run_umiak --imagestore "$W/second" "$@"; }
    mkdir "$W/t" "$W/context"; printf base >"$W/t/f"; chmod -R a+rX "$W"
    tar -C "$W/t" --owner=0 --group=0 -cf "$W/l.tar" f; chmod a+r "$W/l.tar"
    run_umiak import -q "$W/l.tar" localhost/base:1
    printf 'FROM localhost/base:1\nCOPY Containerfile /made\n' >"$W/context/Containerfile"
    second build -q -t localhost/derived:1 "$W/context"
    run_umiak 2 --imagestore "$W/second" rmi localhost/base:1
    like "$output" "is in use: image localhost/derived:1 in $W/second is made of its layers: remove that one first" "refused"
    run_umiak 2 --imagestore "$W/second" rmi -f localhost/base:1
    second tag localhost/base:1 localhost/base:2
    second rmi localhost/base:2   # control: a name may go
    second save -q -o "$W/derived.tar" localhost/derived:1; like "$(tar -tf "$W/derived.tar")" manifest.json "and the image is whole"
    second manifest create localhost/list:1 localhost/derived:1
    run_umiak 1 manifest exists localhost/list:1
    second manifest exists localhost/list:1
    second manifest add localhost/list:1 localhost/base:1
    second manifest annotate --index --annotation a=b localhost/list:1
    second manifest inspect localhost/list:1; is "$(jq -r '.annotations.a, (.manifests | length)' <<<"$output" | xargs)" "b 2" "changed there"
    run_umiak manifest create localhost/ours:1   # a list of ours is changed here
    second manifest create --amend localhost/ours:1 localhost/base:1
    run_umiak manifest inspect localhost/ours:1; is "$(jq '.manifests | length' <<<"$output")" 1 "changed here"
    second manifest rm localhost/list:1 localhost/ours:1
    second rmi localhost/derived:1
    second rmi localhost/base:1   # control: now it may go
    rootless || rm -rf "$W/second"
    ! rootless || umiak unshare rm -rf "$W/second"
}

@test "system check: layers without a blob are made again byte for byte, and one that changed is found" {
    mkdir "$W/t"; printf original >"$W/t/f"; chmod -R a+rX "$W"
    tar -C "$W/t" --owner=0 --group=0 -cf "$W/l.tar" f; chmod a+r "$W/l.tar"
    run_umiak import -q "$W/l.tar" localhost/recipe:1
    run_umiak system check   # control
    skip_rootless "damages the store as root"
    layer=$UMIAK_WORK/root/layers/sha256-$(sha256sum <"$W/l.tar" | cut -d' ' -f1)
    [ -s "$layer/recipe" ]
    printf tampered >"$layer/tree/f"   # as long as before: sizes and counts agree
    run_umiak system check --quick
    run_umiak 125 system check; like "$output" "its files have changed" "changed"
    printf original >"$layer/tree/f"; run_umiak system check
    truncate -s 20 "$layer/recipe"
    run_umiak 125 system check; like "$output" "cannot be made again" "a broken recipe"
    run_umiak system check --repair --force
    run_umiak import -q "$W/l.tar" localhost/recipe:1   # heals
    run_umiak system check
    umiak save localhost/recipe:1 | tar -xOf - "$(sha256sum <"$W/l.tar" | cut -d' ' -f1).tar" | cmp - "$W/l.tar"
    umiak rmi localhost/recipe:1
}

@test "zstd:chunked of skopeo: an update is fetched in pieces, by its table of contents" {
    command -v skopeo >/dev/null && command -v docker-registry >/dev/null || skip "skopeo or docker-registry is missing"
    registry_start plain
    mkdir "$W/t"
    for i in $(seq 40); do openssl rand -hex $((4000 + 300 * i)) >"$W/t/f$i"; done
    for v in 1 2; do
        [ $v = 1 ] || for i in 7 20; do echo new >>"$W/t/f$i"; done
        tar -C "$W/t" --owner=0 --group=0 -b 1 -cf "$W/v$v.tar" .; chmod a+r "$W/v$v.tar"
        run_umiak import -q "$W/v$v.tar" localhost/app:$v
        run_umiak push -q localhost/app:$v "oci:$W/o$v:1"
        skopeo copy -q --insecure-policy --dest-tls-verify=false --dest-compress-format zstd:chunked --dest-compress-level 3 "oci:$W/o$v:1" "docker://$registry/app:$v"
        run_umiak rmi localhost/app:$v
    done
    skopeo inspect --raw --tls-verify=false "docker://$registry/app:2" | grep -q zstd-chunked.manifest-position ||
        skip "this skopeo recompresses nothing"
    run_umiak pull -q --tls-verify=false "$registry/app:1"
    run_umiak --log-level debug pull -q --tls-verify=false "$registry/app:2"
    echo "$output"; read -r fetched whole < <(sed -n 's/.*Retrieved partial blob [^ ]* \([0-9]*\) of \([0-9]*\) bytes.*/\1 \2/p' <<<"$output")
    echo "fetched ${fetched:-all} of ${whole:-it}"
    [ "${fetched:-0}" -gt 0 ] && [ $((fetched * 4)) -lt "$whole" ]
    run_umiak create --name c "$registry/app:2" x
    umiak export c | tar -xOf - f20 | cmp - "$W/t/f20"
    umiak rm c >/dev/null; run_umiak rmi "$registry/app:1" "$registry/app:2"
}
