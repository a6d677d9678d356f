#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Other programs read what this one writes and the other way round, with equal digests: podman, buildah, umoci, skopeo, docker.
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
teardown() { dockerd_stop; umiak_teardown; rm -rf "$W"; }

need() { command -v "$1" >/dev/null || skip "$1 is missing"; }
# Their stores are private and of the kind that needs nothing of the kernel.
theirs() { HOME=$W "$1" --root "$W/root" --runroot "$W/run" --storage-driver vfs "${@:2}"; }
# A Docker daemon that runs nothing, in namespaces of its own ($W/net; what it makes in /run and /etc goes with it).
dockerd_start() {
    skip_rootless "one daemon will do"
    [ "$(id -u)" = 0 ] || skip "needs root"
    need dockerd; need docker; need docker-registry
    touch "$W/net"; unshare --net="$W/net" ip link set lo up
    unshare -m --propagation private -- nsenter --net="$W/net" -- sh -c '
        mount -t tmpfs tmpfs /run && { [ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker; } &&
        exec dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs --data-root="$1/data" --exec-root="$1/exec" \
            --pidfile="$1/pid" --host="unix://$1/docker.sock" --containerd=' sh "$W" >"$W/dockerd.log" 2>&1 3>&- 4>&- </dev/null &
    dockerd=$!
    disown $dockerd
    export DOCKER_HOST=unix://$W/docker.sock
    for _ in $(seq 600); do
        kill -0 $dockerd 2>/dev/null || skip "dockerd does not start here: $(tail -n1 "$W/dockerd.log")"
        docker version >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail "$W/dockerd.log"; skip "dockerd is not ready within a minute"
}
dockerd_stop() {
    [ -z "${dockerd:-}" ] || { kill $dockerd 2>/dev/null; for _ in $(seq 300); do kill -0 $dockerd 2>/dev/null || break; sleep 0.1; done; end_tree $dockerd; } || true
    [ ! -f "$W/registry.pid" ] || kill "$(<"$W/registry.pid")" || true
    [ ! -e "$W/net" ] || umount "$W/net" || true
    dockerd=
}
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

@test "docker: daemon, archives and a registry: what it gets and gives is one image with one digest" {
    dockerd_start
    id=sha256:$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak save -q -o "$W/ours.tar" $IMAGE
    docker load -q -i "$W/ours.tar"
    is "$(docker image inspect --format '{{.Id}}' $IMAGE)" "$id" "loaded there"
    run_umiak push -q $IMAGE docker-daemon:pushed:1
    is "$(docker image inspect --format '{{.Id}}' pushed:1)" "$id" "pushed to the daemon"
    run_umiak image copy -q --insecure-policy --dest-daemon-host "$DOCKER_HOST" "containers-storage:$IMAGE" docker-daemon:copied:1
    is "$(docker image inspect --format '{{.Id}}' copied:1)" "$id" "copied to the daemon"

    docker save -o "$W/theirs.tar" pushed:1
    run_umiak load -q -i "$W/theirs.tar"; like "$output" "docker.io/library/pushed:1" "loaded here"
    run_umiak pull -q docker-daemon:copied:1; is "sha256:$output" "$id" "pulled from the daemon"
    run_umiak pull -q "docker-daemon:$id"; is "sha256:$output" "$id" "by its id"
    run_umiak image copy -q --insecure-policy docker-daemon:pushed:1 "oci:$W/o:1"
    is "sha256:$(config_digest "oci:$W/o:1")" "$id" "copied from the daemon"
    run_umiak 125 pull -q docker-daemon:none:1; like "$output" "docker-daemon:docker.io/library/none:1: the daemon has no such image" "none"
    umiak untag $IMAGE docker.io/library/pushed:1 docker.io/library/copied:1

    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error}\nhttp: {addr: "127.0.0.1:5000"}\n' "$W/registry" >"$W/r.yml"
    nsenter --net="$W/net" docker-registry serve "$W/r.yml" >"$W/registry.log" 2>&1 3>&- 4>&- </dev/null &
    disown $!; echo $! >"$W/registry.pid"
    for _ in $(seq 600); do ! nsenter --net="$W/net" curl -fs http://127.0.0.1:5000/v2/ >/dev/null || break; sleep 0.1; done
    mine() { nsenter --net="$W/net" "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" "$@"; }
    for format in oci v2s2; do
        mine push -q --tls-verify=false --format $format --digestfile "$W/digest" $IMAGE 127.0.0.1:5000/$format:1
        docker pull -q 127.0.0.1:5000/$format:1
        is "$(docker image inspect --format '{{.Id}} {{.RepoDigests}}' 127.0.0.1:5000/$format:1 | grep -oE "^$id|/$format@[^] ]*" | xargs)" \
            "$id /$format@$(<"$W/digest")" "$format: pulled there"
        docker tag 127.0.0.1:5000/$format:1 127.0.0.1:5000/back-$format:1
        docker push -q 127.0.0.1:5000/back-$format:1
        is "sha256:$(mine pull -q --tls-verify=false 127.0.0.1:5000/back-$format:1)" "$id" "$format: pulled here"
        run docker image inspect --format '{{.RepoDigests}}' "$id"
        [[ $output =~ /back-$format@sha256:[0-9a-f]* ]]; theirs=$BASH_REMATCH
        like "$(mine image inspect --format '{{.RepoDigests}}' "$id")" "$theirs" "$format: the digest of what they pushed"
        umiak untag $IMAGE 127.0.0.1:5000/back-$format:1
    done
}
