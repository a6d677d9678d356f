# SPDX-License-Identifier: Apache-2.0
# Events of images as Podman writes them, and working containers on a file system that carries no overlay.
load helpers
load ../lib/buildah

teardown() {
    buildah rm --all >/dev/null
    umiak_teardown
}

image_events() { umiak events --stream=false --filter type=image --since "$since" --format '{{.Status}} {{.Name}}'; }
stamp() { since=$(date +%s.%N); }

@test "events of images: names as they were typed" {
    id=$(umiak image inspect --format '{{.ID}}' "$IMAGE")
    umiak tag "$IMAGE" localhost/other:1
    umiak save -q -o "$UMIAK_WORK/tmp/a.tar" localhost/other:1
    umiak rmi localhost/other:1
    stamp
    umiak pull -q "docker-archive:$UMIAK_WORK/tmp/a.tar"
    umiak tag "$IMAGE" registry.test/x
    umiak untag "$IMAGE" registry.test/x
    rm "$UMIAK_WORK/tmp/a.tar"
    is "$(image_events)" "pull docker-archive:$UMIAK_WORK/tmp/a.tar
tag registry.test/x
untag registry.test/x:latest" "pulled, tagged, untagged"
    stamp
    umiak create --name c "$IMAGE" true >/dev/null
    umiak create --name c2 "$id" true >/dev/null
    is "$(image_events)" "pull $IMAGE" "an image that is here, by name and by id"
    stamp
    run_umiak 125 pull -q --retry 0 localhost:1/none
    like "$(umiak events --stream=false --since "$since" --filter event=pull-error)" \
        "image pull-error .*localhost:1/none .*connection refused" "a pull in vain"
}

@test "events of images: each name that goes" {
    umiak create --name c "$IMAGE" sh -c true >/dev/null
    id=$(umiak commit -q c localhost/first)
    umiak rm c >/dev/null
    umiak tag "$id" localhost/second
    stamp
    umiak rmi -f "$id" >/dev/null
    is "$(image_events)" "untag localhost/second:latest
untag localhost/first:latest
remove $id" "rmi --force ID"
}

@test "events: the inspect document of a new container has its sizes" {
    printf '[engine]\nevents_container_create_inspect_data=true\n' >"$UMIAK_WORK/conf"
    chmod 644 "$UMIAK_WORK/conf"
    CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/conf umiak create --name sized "$IMAGE" true >/dev/null
    umiak events --stream=false --filter container=sized --filter event=create --format '{{.ContainerInspectData}}' |
        jq -e '.SizeRootFs > 1000 and .Name == "sized"'
}

@test "working containers where no overlay can be mounted: steps, diff and commit; a mount says why not" {
    skip_rootless "mounts"
    cat >"$BATS_TEST_TMPDIR/inside" <<'S'
set -eu
mount -t tmpfs t "$1"; cd "$1"; mkdir l u w m; mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m
engine() { "$UMIAK_BUILD/umiak" --root "$PWD/m/root" --runroot "$PWD/run" "$@"; }
as_buildah() { (exec -a buildah "$UMIAK_BUILD/umiak" --root "$PWD/m/root" --runroot "$PWD/run" "$@"); }
engine load -q -i "$2"
c=$(as_buildah from "$3")
if as_buildah mount "$c" 2>err; then exit 1; fi
grep -q "carries no overlay" err
as_buildah run "$c" sh -c 'echo x >/new; rm /bin/true'
engine diff "$c"
as_buildah commit -q "$c" made
engine run --rm --network none --cgroups disabled made sh -c 'cat /new; test -e /bin/sh && ! test -e /bin/true'
engine rmi -fa >/dev/null
S
    umiak save -q -o "$BATS_TEST_TMPDIR/i.tar" "$IMAGE"
    mkdir "$BATS_TEST_TMPDIR/place"
    run unshare -mn env UMIAK_BUILD="$UMIAK_BUILD" HOME="$BATS_TEST_TMPDIR" bash "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR/place" \
        "$BATS_TEST_TMPDIR/i.tar" "$IMAGE"
    echo "$output"
    is "$status" 0 "status"
    like "$output" "C /bin" "the directory"
    like "$output" "D /bin/true" "what is gone"
    like "$output" "A /new" "what is new"
    is "${lines[-1]}" x "the image"
}
