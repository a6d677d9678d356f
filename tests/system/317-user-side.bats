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
