#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stores where overlay cannot be mounted: on an overlay (umiak inside a container) and with the vfs driver. Deletions and
# directories made anew must come through commit, build, save and load there as anywhere else.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

# Its arguments are umiak with its store; it prints what the images made there show.
body='
set -e
"$@" load -q -i "$image" >/dev/null
"$@" run --name a --network none localhost/latest sh -c "rm /etc/group; rm -r /data; mkdir /data; echo x >/data/new; rm -r /home; : >/etc/empty"
"$@" commit -q a localhost/c:1 >/dev/null
"$@" diff localhost/c:1 | grep -E "/data|/etc/(group|empty)|/home"   # the rest is mount points
"$@" rm a >/dev/null
printf "FROM localhost/c:1\nRUN rm /etc/passwd; rm -r /data; mkdir /data; echo y >/data/y\n" >"$scratch/Containerfile"
"$@" build -q -t localhost/d:1 -f "$scratch/Containerfile" "$scratch" >/dev/null
rm -f "$scratch/d.tar"
"$@" save -q -o "$scratch/d.tar" localhost/d:1
"$@" rmi -af >/dev/null
"$@" load -q -i "$scratch/d.tar"
"$@" run --rm --network none localhost/d:1 sh -c "for f in /data/* /etc/group /etc/passwd /etc/motd /etc/empty /home; do [ ! -e \$f ] || echo has \$f; done"
"$@" rmi -af >/dev/null
'
expected='C /data
D /data/file
A /data/new
A /etc/empty
D /etc/group
D /home
Loaded image: localhost/d:1
has /data/y
has /etc/motd
has /etc/empty'

@test "a store on an overlay: deletions survive commit, build, save and load" {
    skip_rootless "root mounts the overlay"
    w=$UMIAK_WORK/ov
    mkdir -p "$w/l" "$w/u" "$w/w" "$w/m" "$w/scratch"
    run unshare -m --propagation private bash -c 'm=$1; shift
        mount -t overlay overlay -o "lowerdir=$m/l,upperdir=$m/u,workdir=$m/w" "$m/m" || { echo "no overlay"; exit; }
        '"export image='$UMIAK_WORK/image.tar' scratch='$w/scratch'; $body" \
        bash "$w" "$UMIAK_BUILD/umiak" --root "$w/m/root" --runroot "$w/m/run"
    is "$status" 0 "$output"
    [ "$output" != "no overlay" ] || skip "no overlay on this file system"
    is "$output" "$expected" "what is left"
    rm -rf "$w"
}

@test "a store that came in an image and lies on an overlay now: its layers can be removed and come back" {
    skip_rootless "root mounts the overlay"
    w=$UMIAK_WORK/pre
    mkdir -p "$w/l" "$w/u" "$w/w" "$w/m"
    "$UMIAK_BUILD/umiak" --root "$w/l/root" --runroot "$w/run" load -q -i "$UMIAK_WORK/image.tar"
    run unshare -m --propagation private bash -c 'm=$1; image=$2; shift 2
        mount -t overlay overlay -o "lowerdir=$m/l,upperdir=$m/u,workdir=$m/w" "$m/m" || { echo "no overlay"; exit; }
        set -e
        "$@" rmi localhost/latest >/dev/null
        ls "$m/m/root/layers"
        "$@" load -q -i "$image"
        "$@" run --rm --network none localhost/latest cat /etc/motd >/dev/null
        "$@" system check --quick >/dev/null
        echo fine' bash "$w" "$UMIAK_WORK/image.tar" "$UMIAK_BUILD/umiak" --root "$w/m/root" --runroot "$w/run2"
    is "$status" 0 "$output"
    [ "$output" != "no overlay" ] || skip "no overlay on this file system"
    is "$output" "Loaded image: localhost/latest:latest
fine" "what it says"
    rm -rf "$w"
}

@test "the vfs driver: a committed layer leaves with the bytes its digest names" {
    mkdir -p "$UMIAK_WORK/tmp/vfs"
    cat >"$UMIAK_WORK/vfs" <<SH
#!/bin/bash
export image=$UMIAK_WORK/image.tar scratch=$UMIAK_WORK/tmp/vfs
$body
SH
    if rootless; then chown -R "$UMIAK_TEST_USER": "$UMIAK_WORK/tmp/vfs"; as=(setpriv --reuid="$UMIAK_TEST_USER" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups env HOME="$UMIAK_WORK/home" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg"); else as=(env); fi
    run "${as[@]}" bash "$UMIAK_WORK/vfs" "$UMIAK_BUILD/umiak" --storage-driver vfs --root "$UMIAK_WORK/tmp/vfs/root" --runroot "$UMIAK_WORK/tmp/vfs/run"
    is "$status" 0 "$output"
    is "$output" "$expected" "what is left"
    "${as[@]}" "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/tmp/vfs/root" --runroot "$UMIAK_WORK/tmp/vfs/run" system reset --force
}
