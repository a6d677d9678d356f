#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Other programs read what this one writes and the other way round, with equal digests: podman, buildah, umoci, skopeo.
# One that is not installed is passed over, saying so.
load helpers
load ../lib/registry

setup_file() {
    umiak_setup_file
    umiak_on_host_network
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
setup() {
    W=$UMIAK_WORK/tmp/w; mkdir -p "$W"; chmod 777 "$W"
    unset CONTAINERS_CONF CONTAINERS_STORAGE_CONF
}
teardown() { umiak_teardown; rm -rf "$W"; }

need() { command -v "$1" >/dev/null || skip "$1 is missing"; }
# Their stores are private and of the kind that needs nothing of the kernel.
theirs() { HOME=$W "$1" --root "$W/root" --runroot "$W/run" --storage-driver vfs "${@:2}"; }
config_digest() { skopeo inspect --config --raw "$1" | sha256sum | cut -d' ' -f1; }

@test "umoci: unpacks what we write, and what it makes has its digest here and elsewhere" {
    need umoci; need skopeo
    run_umiak push -q $IMAGE "oci:$W/ours:1"
    umoci unpack --image "$W/ours:1" "$W/bundle" 2>/dev/null
    [ -x "$W/bundle/rootfs/bin/busybox" ]; is "$(<"$W/bundle/rootfs/data/file")" "second layer" "unpacked"
    # a layer of theirs, with a whiteout
    echo theirs >"$W/bundle/rootfs/added"; rm "$W/bundle/rootfs/data/file"
    umoci repack --image "$W/ours:2" "$W/bundle" 2>/dev/null
    umoci config --image "$W/ours:2" --config.label a=b --config.cmd cat --config.cmd /added
    chmod -R a+rX "$W/ours"
    run_umiak pull -q "oci:$W/ours:2"
    is "$output" "$(config_digest "oci:$W/ours:2")" "the id"
    id=$output
    run_umiak run --rm --network none "$id"; is "$output" theirs "its command"
    run_umiak run --rm --network none "$id" ls /data; is "$output" "" "the whiteout"
    run_umiak push -q --digestfile "$W/digest" "$id" "oci:$W/back:2"
    is "$(<"$W/digest")" "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "2") | .digest' "$W/ours/index.json")" "the digest"
    umoci stat --image "$W/back:2" >/dev/null
    umiak rmi "$id" >/dev/null
}

@test "podman: loads and pulls what we write; what it saves is the same image here" {
    skip_rootless "the same files as root's"
    need podman; need skopeo
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    for format in docker-archive oci-archive; do
        run_umiak save -q --format $format -o "$W/$format.tar" $IMAGE
        theirs podman load -q -i "$W/$format.tar" >/dev/null
        is "$(theirs podman images -q --no-trunc)" "sha256:$id" "$format: loaded"
        theirs podman save -q --format $format -o "$W/theirs.tar" "$id" 2>/dev/null
        chmod a+r "$W/theirs.tar"
        run_umiak load -q -i "$W/theirs.tar"
        is "$(umiak images -q --no-trunc | sort -u)" "sha256:$id" "$format: the same image"
        theirs podman rmi -af >/dev/null; rm "$W/theirs.tar"
    done
}

@test "podman and skopeo: over a registry the digest is one, whoever pushes and pulls" {
    need podman; need skopeo; need docker-registry
    registry_start plain
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak push -q --tls-verify=false --digestfile "$W/digest" $IMAGE "$registry/a:1"
    theirs podman pull -q --tls-verify=false "$registry/a:1" >/dev/null
    is "$(theirs podman image inspect --format '{{.Id}} {{.Digest}}' "$registry/a:1")" "$id $(<"$W/digest")" "podman pulled"
    theirs podman tag "$registry/a:1" "$registry/b:1"
    theirs podman push -q --tls-verify=false "$registry/b:1" 2>/dev/null
    run_umiak pull -q --tls-verify=false "$registry/b:1"; is "$output" "$id" "pulled here"
    is "$(umiak image inspect --format '{{.RepoDigests}}' "$id" | grep -c "$registry/b@$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/b:1")")" 1 "digest"
    umiak untag "$id" "$registry/b:1"
}

@test "buildah: pulls ours; what it commits is the same image here" {
    skip_rootless "the same files as root's"
    need buildah; need skopeo
    run_umiak save -q --format oci-archive -o "$W/o.tar" $IMAGE
    is "$(theirs buildah pull -q "oci-archive:$W/o.tar")" "$(umiak image inspect --format '{{.Id}}' $IMAGE)" "pulled"
    ctr=$(theirs buildah from --pull-never "$(theirs buildah images -q | head -1)")
    echo built >"$W/f"; theirs buildah copy -q "$ctr" "$W/f" /built >/dev/null
    theirs buildah config --label x=y --cmd 'cat /built' --created-by me "$ctr"
    for format in oci docker; do
        theirs buildah commit -q --format $format "$ctr" "oci-archive:$W/$format.tar:localhost/theirs:1" >/dev/null 2>&1 ||
            theirs buildah commit -q --format $format "$ctr" "docker-archive:$W/$format.tar:localhost/theirs:1" >/dev/null
        chmod a+r "$W/$format.tar"
        run_umiak load -q -i "$W/$format.tar"
        run_umiak run --rm --network none localhost/theirs:1; is "$output" built "$format: its command"
        t=oci-archive; tar -tf "$W/$format.tar" | grep -q '^manifest.json$' && t=docker-archive
        is "$(umiak image inspect --format '{{.Id}}' localhost/theirs:1)" "$(config_digest "$t:$W/$format.tar")" "$format: the id"
        umiak rmi -f localhost/theirs:1 >/dev/null
    done
    theirs buildah rm "$ctr" >/dev/null
}
