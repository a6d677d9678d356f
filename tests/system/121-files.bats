# SPDX-License-Identifier: Apache-2.0
# diff, export, mount, unmount, unshare: a container's files seen from outside.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "diff: changes of a container, of an image, between two" {
    run_umiak run --name c -v /anon "$IMAGE" sh -c 'echo x >/new; rm /data/file; chmod 700 /etc; mkdir /d; echo y >/d/f'
    run_umiak diff c
    is "$output" "A /d
A /d/f
C /data
D /data/file
C /etc
A /new" "the list; mount points and our own files are left out"
    run_umiak diff --format json -l
    is "$(jq -c . <<<"$output")" '{"changed":["/data","/etc"],"added":["/d","/d/f","/new"],"deleted":["/data/file"]}' "json"
    run_umiak diff "$IMAGE"
    is "$output" "A /data
A /data/file
C /etc
A /etc/motd" "the last layer of an image"
    run_umiak container diff c "$IMAGE"
    like "$output" "A /new" "against an image"
    run_umiak 125 container diff "$IMAGE"
    like "$output" "no such container" "an image is no container"
    run_umiak 125 diff --format table c
    like "$output" "only supported value for '--format' is 'json'" "formats"
    run_umiak 125 diff
    like "$output" 'requires a name, id, or the "--latest" flag' "nothing named"
}

@test "export: the root of a stopped and of a running container, without mounts" {
    run_umiak run --name c -v v:/vol "$IMAGE" sh -c 'echo x >/new; chown 5:6 /new; chmod 640 /new; ln /new /hard; echo s >/vol/secret; rm /data/file'
    umiak export c >"$UMIAK_WORK/tmp/c.tar"
    run tar -tvf "$UMIAK_WORK/tmp/c.tar" --numeric-owner
    like "$output" "-rw-r----- 5/6 .* hard" "owner and mode"
    like "$output" "new link to hard" "hard links"
    [[ $output != *vol/secret* && $output != *data/file* ]] || { echo "$output"; false; }
    run_umiak run -d --name r -v v:/vol "$IMAGE" sh -c 'echo run >/running; exec sleep 100'
    run_umiak export -o "$UMIAK_WORK/tmp/r.tar" r
    run tar -tf "$UMIAK_WORK/tmp/r.tar"
    like "$output" "running" "what it wrote"
    [[ $output != *vol/secret* && $output != *proc/self* ]] || { echo "$output"; false; }
    is "$(tar -xOf "$UMIAK_WORK/tmp/r.tar" etc/hosts | wc -c)" 0 "hosts is a mount: an empty file"
    run_umiak import -q "$UMIAK_WORK/tmp/c.tar" localhost/imported
    run_umiak run --rm localhost/imported cat /new
    is "$output" x "it can be imported"
    run_umiak rmi localhost/imported
    run_umiak 125 export -o "$UMIAK_WORK/tmp/a:b" c
    like "$output" 'invalid filename \(should not contain .:.\)' "file names"
    run_umiak volume rm -f v
}

@test "mount, unmount: counted, listed, of running containers too" {
    skip_rootless "inside unshare: next test"
    run_umiak run --name c "$IMAGE" sh -c 'echo x >/new'
    run_umiak mount c
    m=$output
    is "$(cat "$m/new")" x "the file"
    echo y >"$m/fromhost"
    run_umiak mount c
    is "$output" "$m" "the same place"
    run_umiak mount --no-trunc
    like "$output" "^[0-9a-f]{64}  $m" "the list"
    run_umiak mount --format json
    is "$(jq -r '.[0].mountpoint' <<<"$output")" "$m" "json"
    run_umiak unmount c
    [ -e "$m/new" ]
    run_umiak umount c
    [ ! -e "$m/new" ]
    run_umiak 125 unmount c
    like "$output" "layer is not mounted" "not mounted"
    run_umiak start -a c
    run_umiak diff c
    like "$output" "A /fromhost" "what the host wrote is the container's"
    run_umiak run -d --name r "$IMAGE" sleep 100
    run_umiak mount r
    m=$output
    umiak exec r sh -c 'echo live >/live'
    is "$(cat "$m/live")" live "a running one"
    run_umiak unmount -af
    [ ! -e "$m/live" ]
}

@test "unshare: mount as a user; exit codes" {
    if ! rootless; then
        run_umiak 125 unshare true
        like "$output" "please use unshare with rootless" "root needs none"
        return
    fi
    run_umiak run --name c "$IMAGE" sh -c 'echo x >/new'
    run_umiak 125 mount c
    like "$output" 'in rootless mode, must execute `umiak unshare` first' "outside"
    run_umiak unshare sh -c "id -u; m=\$('$UMIAK_BUILD/umiak' mount c) && cat \$m/new && '$UMIAK_BUILD/umiak' unmount c"
    is "${lines[0]}" 0 "root there"
    is "${lines[1]}" x "the file"
    run_umiak 7 unshare sh -c 'exit 7'
    run_umiak 127 unshare /nonexistent/program
    run_umiak unshare cat /proc/self/uid_map
    like "$output" "65536|[0-9]{5}" "ranges"
}

@test "mount points that the image lacks are there and leave nothing in the container" {
    run_umiak run --name m --network none "$IMAGE" sh -c 'test -d /proc/1 && test -d /dev/shm && test -f /etc/hosts && test -f /etc/hostname'
    run_umiak diff m
    is "$output" "" "no difference"
    if ! rootless; then
        is "$(find "$UMIAK_WORK/root/containers/$(umiak inspect --format '{{.Id}}' m)/upper" -mindepth 1)" "" "nothing was made"
    fi
    run_umiak run --name control --network none "$IMAGE" touch /etc/new
    run_umiak diff control
    is "$output" $'C /etc\nA /etc/new' "control: what is written shows"
    run_umiak run --rm --network none --no-hosts "$IMAGE" test ! -e /etc/hosts
}
