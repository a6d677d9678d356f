# SPDX-License-Identifier: Apache-2.0
# project quotas: sizes of volumes and containers where the file system counts for us.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() {
    umiak_teardown
    if [ -e "$UMIAK_WORK/disk" ]; then
        umiak --root "$UMIAK_WORK/disk/root" --volumepath "$UMIAK_WORK/disk/volumes" rm -af -t0 >/dev/null || true
        umount -l "$UMIAK_WORK/disk" || true
        rm -rf "$UMIAK_WORK/disk" "$UMIAK_WORK/disk.img"
    fi
}

# An ext4 that counts projects, mounted on $UMIAK_WORK/disk.
counting_disk() {
    command -v mkfs.ext4 >/dev/null || skip "no mkfs.ext4"
    truncate -s 64M "$UMIAK_WORK/disk.img"
    mkfs.ext4 -q -F -O quota,project "$UMIAK_WORK/disk.img" || skip "mkfs.ext4 knows no project quotas"
    mkdir -p "$UMIAK_WORK/disk"
    mount -o loop,prjquota "$UMIAK_WORK/disk.img" "$UMIAK_WORK/disk" || skip "this kernel has no project quotas (or no loop devices)"
}

@test "volumes: size and inodes are limits of the file system" {
    skip_rootless "only root may mount"
    counting_disk
    v() { umiak --volumepath "$UMIAK_WORK/disk/volumes" "$@"; }
    v volume create --opt o=size=2m two >/dev/null
    v volume create --opt o=size=4m four >/dev/null
    v volume create --opt o=inodes=5 few >/dev/null
    v volume create --opt o=size=2m,noquota free >/dev/null
    v run -d --name c --network none -v two:/two -v four:/four -v few:/few -v free:/free "$IMAGE" sleep 1000 >/dev/null
    v exec c dd if=/dev/zero of=/two/a bs=1048576 count=1
    run v exec c dd if=/dev/zero of=/two/b bs=1048576 count=2
    [ "$status" = 1 ]
    like "$output" "quota exceeded|No space left on device" "more than the size"
    v exec c dd if=/dev/zero of=/four/a bs=1048576 count=3
    run v exec c dd if=/dev/zero of=/four/b bs=1048576 count=2
    [ "$status" = 1 ]
    v exec c touch /few/1 /few/2
    run v exec c touch /few/3 /few/4 /few/5 /few/6
    [ "$status" = 1 ]
    v exec c dd if=/dev/zero of=/free/a bs=1048576 count=5
    v rm -f -t0 c >/dev/null
    # control: without a limit there is none; what was freed can be written again
    v volume rm two four >/dev/null
    v volume create --opt o=size=2m again >/dev/null
    v volume create unlimited >/dev/null
    v run --rm --network none -v again:/again -v unlimited:/unlimited "$IMAGE" sh -c \
        'dd if=/dev/zero of=/again/a bs=1048576 count=1 && dd if=/dev/zero of=/unlimited/a bs=1048576 count=8'
    # several at once do not share a number
    for i in 1 2 3 4 5 6; do v volume create --opt o=size=1m "p$i" >/dev/null & done
    wait
    v run --rm --network none -v p1:/1 -v p2:/2 -v p3:/3 -v p4:/4 -v p5:/5 -v p6:/6 "$IMAGE" sh -c \
        'for i in 1 2 3 4 5 6; do dd if=/dev/zero of=/$i/a bs=1024 count=900 || exit 9; done'
    v volume rm -a -f >/dev/null
}

@test "containers: --storage-opt overlay.size" {
    skip_rootless "only root may mount"
    counting_disk
    s() { umiak --root "$UMIAK_WORK/disk/root" --storage-opt overlay.size=3m "$@"; }
    s load -q -i "$UMIAK_WORK/image.tar" >/dev/null
    image=$(s images -q | head -1)
    s run --rm --network none "$image" dd if=/dev/zero of=/a bs=1048576 count=2
    run s run --rm --network none "$image" dd if=/dev/zero of=/a bs=1048576 count=4
    [ "$status" = 1 ]
    like "$output" "quota exceeded|No space left on device" "more than the size"
    s create --name c --network none "$image" dd if=/dev/zero of=/a bs=1048576 count=4 >/dev/null
    run s start -a c
    [ "$status" = 1 ]
    run s start -a c
    [ "$status" = 1 ]
    s rm c >/dev/null
    # control
    umiak --root "$UMIAK_WORK/disk/root" run --rm --network none "$image" dd if=/dev/zero of=/a bs=1048576 count=4
}

@test "where the file system has no quotas the line says what to do, and nothing is left" {
    mkdir "$UMIAK_WORK/tmp/plain"; rootless && chown "$UMIAK_TEST_USER": "$UMIAK_WORK/tmp/plain"
    run_umiak 125 --volumepath "$UMIAK_WORK/tmp/plain" volume create --opt o=size=2m v
    like "$output" "volume options size and inodes not supported .a tmpfs limits itself: --opt type=tmpfs.*: (Filesystem does not support Project Quota: mount it with prjquota|project quotas can be set by root only)" "the remedy"
    is "$(ls "$UMIAK_WORK/tmp/plain")" "" "nothing is left"
    run_umiak 125 --volumepath "$UMIAK_WORK/tmp/plain" volume create --opt o=size=nonsense v
    run_umiak --volumepath "$UMIAK_WORK/tmp/plain" volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=2m v
    run_umiak --volumepath "$UMIAK_WORK/tmp/plain" volume rm v
    run umiak --storage-opt overlay.size=3m run --rm --network none "$IMAGE" true
    [ "$status" = 125 ]
    like "$output" "storage option size is not supported: " "containers"
    run_umiak 125 --storage-opt overlay.size=much run --rm --network none "$IMAGE" true
    like "$output" "storage option size: much is not a size" "not a size"
}
