# SPDX-License-Identifier: Apache-2.0
# What differs between root and users, and exit codes of users and groups that the image has not got.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "users and groups the image does not know: exit code 126" {
    run_umiak 126 run --rm --user nobody-here "$IMAGE" true
    like "$output" "unable to find user nobody-here: no matching entries in passwd file" "a user"
    run_umiak 126 run --rm --user 0:no-such-group "$IMAGE" true
    like "$output" "unable to find group no-such-group: no matching entries in group file" "a group"
    run_umiak 126 run --rm --hostuser "$UMIAK_TEST_USER" --user "$UMIAK_TEST_USER:no-such-group" "$IMAGE" true
    like "$output" "no matching entries in group file" "a user of the host, a group of nobody"
}

@test "limits nobody can set here are said once, even when they are 0" {
    rootless || skip "root can set them"
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || skip "cgroups v2"
    for limit in --memory=0 --memory=64m --cpu-shares=100; do
        run_umiak run $limit --rm "$IMAGE" echo hello
        is "$output" "Resource limits are not supported and ignored on cgroups V1 rootless systems"$'\nhello' "$limit"
    done
    run_umiak run --rm "$IMAGE" echo hello
    is "$output" hello "without limits"
}

@test "words that are wrong everywhere are told before a user is sent to unshare" {
    rootless || skip "root mounts where it is"
    run_umiak 125 unmount -l x
    is "$output" "Error: --latest and containers cannot be used together" "unmount"
    run_umiak 125 unmount x
    like "$output" "in rootless mode, must execute .umiak unshare. first" "the place"
}

@test "a mount that cannot be says which directory, and what else there is" {
    mkdir -p "$UMIAK_WORK/tmp/lower"
    run_umiak 125 run --rm -v "$UMIAK_WORK/tmp/lower:/d:O,upperdir=$UMIAK_WORK/tmp/none,workdir=$UMIAK_WORK/tmp/none2" "$IMAGE" true
    is "$output" "Error: overlay volume /d: upperdir $UMIAK_WORK/tmp/none: No such file or directory" "upperdir"
}

@test "cp keeps the holes of files, in and out" {
    local to=$UMIAK_WORK/tmp/sparse
    truncate -s 300M "$to"
    printf end | dd of="$to" bs=1 seek=200000000 conv=notrunc 2>/dev/null
    umiak create --name c "$IMAGE" true
    umiak cp "$to" c:/s
    umiak cp c:/s "$to.back"
    cmp "$to" "$to.back"
    [ "$(du -k "$to.back" | cut -f1)" -lt 10000 ]
    rm -f "$to" "$to.back"
}

@test "open files and processes: 1048576 of them, or what the hard limit allows; inspect tells after a start" {
    local want=1048576 hard f='{{range .HostConfig.Ulimits}}{{.Name}}={{.Soft}}:{{.Hard}} {{end}}'
    hard=$(ulimit -Hn)
    if [ "$hard" != unlimited ] && [ "$hard" -lt "$want" ]; then want=$hard; fi
    ulimit -Sn 512
    umiak create --name c "$IMAGE" sh -c 'ulimit -Sn; ulimit -Hn'
    run_umiak inspect -f "$f" c
    is "$output" "" "before"
    run_umiak start -a c
    is "${lines[0]}" "${lines[1]}" "soft and hard"
    ! rootless || is "${lines[0]}" "$want" "the number"
    local seen=${lines[0]}
    run_umiak inspect -f "$f" c
    like "$output" "RLIMIT_NOFILE=$seen:$seen RLIMIT_NPROC=[0-9]+:[0-9]+" "after"
    run_umiak run --rm --ulimit nofile=100:200 "$IMAGE" sh -c 'ulimit -Sn; ulimit -Hn'
    is "$output" $'100\n200' "those given"
    run_umiak run --rm --ulimit host "$IMAGE" sh -c 'ulimit -Sn'
    is "$output" 512 "the host's"
}
