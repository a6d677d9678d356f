# SPDX-License-Identifier: Apache-2.0
# A user's sleeping process where Podman's scripts look for it, and `system migrate`, which ends it.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

# The same program under Podman's name.
podman() {
    local user=(env)
    [ "$(id -u)" != 0 ] || user=(setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups env)
    mkdir -p "$UMIAK_WORK/bin"; ln -sf "$UMIAK_BUILD/umiak" "$UMIAK_WORK/bin/podman"
    "${user[@]}" HOME="$UMIAK_WORK/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" "$UMIAK_WORK/bin/podman" "$@"
}

# SIGKILL takes its time; a zombie has no file either.
wait_gone() { for _ in $(seq 500); do readlink "/proc/$1/exe" >/dev/null || return 0; sleep 0.02; done; return 1; }

@test "a program called podman keeps pause.pid, which names the sleeping process; migrate removes both" {
    rootless || skip "root has no such process"
    local file=$UMIAK_WORK/xdg/libpod/tmp/pause.pid pid other
    umiak system migrate
    run_umiak info
    [ ! -e "$file" ]                                  # nobody asked for Podman's files
    umiak system migrate
    run podman unshare readlink /proc/self/ns/user; is "$status" 0 "podman: $output"
    pid=$(cat "$file")
    is "$(cat "/proc/$pid/comm")" "podman pause" "its name"
    is "$(readlink "/proc/$pid/ns/user")" "$output" "its namespace is the one commands run in"
    # gone by force: the next one is found again; a number that is another process's by now is told
    kill -9 "$pid"
    wait_gone "$pid"
    sleep 600 5>&- 6>&- 7>&- & other=$!
    printf %d "$other" >"$file"
    run podman info; is "$status" 0 "info: $output"
    like "$output" "pause.pid file refers to PID $other which is not a pause process" "told"
    kill "$other"
    is "$(cat "/proc/$(cat "$file")/comm")" "podman pause" "a new one"
    # a living one of somebody else's keeps its entry
    pid=$(cat "$file"); rm "$file"
    run podman info; is "$status" 0 "info: $output"
    is "$(cat "$file")" "$pid" "written again"
    run podman system migrate; is "$status" 0 "migrate: $output"
    [ ! -e "$file" ]
    wait_gone "$pid"
}

@test "system migrate stops what runs: new subordinate ids and runtimes need that" {
    umiak run -d --stop-timeout 0 --name m "$IMAGE" sleep 600
    run_umiak system migrate
    like "$output" "^stopped [0-9a-f]{64}$" "told"
    run_umiak inspect -f '{{.State.Status}}' m
    like "$output" "exited|stopped" "state"
    run_umiak system migrate
    is "$output" "" "nothing to do"
}
