#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images in other places: mounted where the host sees them, with other users and machines; artifacts inside containers.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "image mount: read-only, counted, listed, undone; a mounted image is in use" {
    skip_rootless "the mount is in the user's namespace"
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak image mount $IMAGE; p=$output
    [ -x "$p/bin/busybox" ]; run touch "$p/x"; [ "$status" != 0 ]
    run_umiak image mount $IMAGE; is "$output" "$p" "the same place"
    run_umiak image mount; like "$output" " +$p" "list"
    run_umiak image mount --format json; is "$(jq -r '.[0].mountpoint' <<<"$output")" "$p" "json"
    run_umiak image unmount $IMAGE; is "$output" "" "one user is left"
    run umiak rmi localhost/latest:latest $IMAGE; [ "$status" != 0 ]; like "$output" "is mounted at $p" "in use"
    umiak tag "$id" $IMAGE
    run_umiak image umount $IMAGE; is "$output" "$id" "gone"
    run_umiak image umount $IMAGE; is "$output" "" "nothing to do"
    [ ! -e "$p" ]
    run_umiak image mount -a; run_umiak image unmount -a; run_umiak image mount; is "$output" "" "all"
    run_umiak 125 image unmount no-such; like "$output" "no-such: image not known" "named"
}

@test "image scp: by ssh both ways, to a user of this machine; shell words stay words" {
    skip_rootless "one side is enough"
    mkdir "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/ssh" <<EOF
#!/bin/sh
echo "\$*" >>$BATS_TEST_TMPDIR/log
while [ "\$1" != -- ]; do shift; done
shift 3
exec sh -c "$UMIAK_BUILD/umiak --root $BATS_TEST_TMPDIR/r --runroot $BATS_TEST_TMPDIR/rr \$*"
EOF
    chmod +x "$BATS_TEST_TMPDIR/bin/ssh"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run_umiak image scp -q $IMAGE ann@build.example:2222::
    is "$(cat "$BATS_TEST_TMPDIR/log")" "-p 2222 -- ann@build.example podman load --quiet" "the command"
    run_umiak tag $IMAGE localhost/back:1; umiak untag localhost/back:1 localhost/back:1
    "$UMIAK_BUILD/umiak" --root "$BATS_TEST_TMPDIR/r" --runroot "$BATS_TEST_TMPDIR/rr" tag $IMAGE localhost/back:1
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run_umiak image scp -q build.example::localhost/back:1
    run_umiak image exists localhost/back:1
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run_umiak 125 image scp -q "build.example::x;touch $BATS_TEST_TMPDIR/pwned"
    [ ! -e "$BATS_TEST_TMPDIR/pwned" ]
    for bad in '-oProxyCommand=x::' 'ann@-x::' '::'; do run_umiak 125 image scp -q $IMAGE "$bad"; done
    run_umiak 125 image scp $IMAGE; like "$output" "must specify a destination" "nowhere"
    run_umiak untag localhost/back:1 localhost/back:1
    "$UMIAK_BUILD/umiak" --root "$BATS_TEST_TMPDIR/r" --runroot "$BATS_TEST_TMPDIR/rr" system reset -f
}

@test "mount type=artifact: files read-only in a container; what is not there is told at creation" {
    echo one >"$UMIAK_WORK/a.txt"; echo two >"$UMIAK_WORK/b.txt"; chmod a+r "$UMIAK_WORK"/?.txt
    run_umiak artifact add localhost/two:1 "$UMIAK_WORK/a.txt" "$UMIAK_WORK/b.txt"
    run_umiak run --rm --network none --mount type=artifact,src=localhost/two:1,dst=/data $IMAGE cat /data/a.txt /data/b.txt
    is "$output" "$(printf 'one\ntwo')" "below a directory"
    run_umiak run --rm --network none --mount type=artifact,src=localhost/two:1,dst=/file,title=b.txt $IMAGE cat /file
    is "$output" two "as a file"
    run umiak run --rm --network none --mount type=artifact,src=localhost/two:1,dst=/file,title=b.txt $IMAGE sh -c 'echo x >/file'
    [ "$status" != 0 ]
    run_umiak 125 create --mount type=artifact,src=localhost/nope,dst=/x $IMAGE
    is "$output" "Error: localhost/nope:latest: artifact does not exist" "at creation"
    run_umiak artifact rm localhost/two:1
}
