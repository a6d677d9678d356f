#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 301-build-steps.bats - steps: mount points of theirs, copies instead of overlays, full disks.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    chmod 755 "$CTX"
}
teardown() { umiak_teardown; rm -rf "$CTX"; }
file() { mkdir -p "$(dirname "$CTX/$1")"; cat >"$CTX/$1"; chmod -R a+rX "$CTX"; }
build() { run_umiak build --network none "$@" "$CTX"; }

# Copies in place of overlays: a store that lies on an overlay.
@test "commit of a container whose root is a copy has no empty mount points in it" {
    skip_rootless "mounts an overlay for the store"
    mkdir "$CTX"/{lower,tmp}
    cat >"$CTX/inside" <<'END'
set -e
mount -t tmpfs tmpfs "$1/tmp"; mkdir "$1"/tmp/{u,w,m}
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/tmp/u,workdir=$1/tmp/w" "$1/tmp/m"
u="$UMIAK_BUILD/umiak --root $1/tmp/m/root --runroot $1/tmp/run"
$u load -q -i "$UMIAK_WORK/image.tar" >/dev/null
$u run --network none --name c "$($u images -q)" sh -c 'echo x >/new; mkdir -p /opt/dev' >/dev/null
$u commit -q c made >/dev/null
$u image diff made
END
    run unshare -m bash "$CTX/inside" "$CTX"
    is "$status|$output" $'0|C /etc\nA /new\nA /opt\nA /opt/dev' "what the command did"
}

@test "a step may unmount and remove what was mounted for it: the image has neither the file nor a mark of it" {
    file Containerfile <<END
FROM $IMAGE
RUN --security=insecure umount /etc/hostname && rm /etc/hostname; ls /etc >/after; echo kept >/kept
RUN cat /kept
END
    build --no-cache --allow security.insecure -t um
    [[ $output == *$'\nkept\n'* ]]
    run_umiak run --rm --network none um cat /after
    [[ $output != *hostname* ]]
    umiak save --format oci-archive -o "$UMIAK_WORK/tmp/um.tar" um
    mkdir "$CTX/oci"; tar -C "$CTX/oci" -xf "$UMIAK_WORK/tmp/um.tar"
    layers=$(for l in "$CTX"/oci/blobs/sha256/*; do tar tf "$l" 2>/dev/null || true; done)
    [[ $layers == *kept* ]]
    ! grep -E "etc/.*hostname" <<<"$layers"
}
