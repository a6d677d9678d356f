#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "create, start, stop, rm: states in between" {
    run_umiak create --name ctr1 --network none $IMAGE sleep 100
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" created "created"
    run_umiak start ctr1; is "$output" ctr1 "prints the name"
    run_umiak inspect --format '{{.State.Status}} {{.State.Running}}' ctr1; is "$output" "running true" "running"
    run_umiak 2 rm ctr1; like "$output" "running" "refused while it runs"
    run_umiak stop -t 0 ctr1
    run_umiak inspect --format '{{.State.Status}} {{.State.ExitCode}}' ctr1; is "$output" "exited 137" "exited"
    run_umiak rm ctr1
    run_umiak 1 container exists ctr1
}

@test "init: everything but the command" {
    run_umiak create --name ctr1 --network none $IMAGE sh -c 'echo ran'
    run_umiak init ctr1
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" initialized "state"
    run_umiak start -a ctr1; is "$output" ran "now it runs"
}

@test "start -a: output and exit code again each time" {
    run_umiak create --name ctr1 --network none $IMAGE sh -c 'echo again; exit 3'
    run_umiak 3 start -a ctr1; is "$output" again "first"
    run_umiak 3 start -a ctr1; is "$output" again "second"
}

@test "stop: SIGTERM first, SIGKILL after the timeout; the exit code tells" {
    run_umiak run -d --name polite --network none $IMAGE sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
    run_umiak run -d --name deaf --network none $IMAGE sh -c 'trap "" TERM; while :; do sleep 0.1; done'
    sleep 0.3
    run_umiak stop -t 5 polite
    run_umiak inspect --format '{{.State.ExitCode}}' polite; is "$output" 5 "polite"
    run umiak stop -t 1 deaf
    run_umiak inspect --format '{{.State.ExitCode}}' deaf; is "$output" 137 "killed"
}

@test "kill: signals by name and number; wait gives the exit code" {
    run_umiak run -d --name ctr1 --network none $IMAGE sh -c 'trap "exit 9" USR1; while :; do sleep 0.1; done'
    sleep 0.3
    run_umiak kill -s USR1 ctr1
    run_umiak wait ctr1; is "$output" 9 "exit code"
    run_umiak 125 kill -s NOSUCH ctr1; like "$output" "NOSUCH" "bad signal"
    run_umiak 125 kill ctr1; like "$output" "running" "not running"
}

@test "pause, unpause: processes stand still in between" {
    run umiak run -d --name ctr1 --network none $IMAGE sh -c 'i=0; while :; do i=$((i+1)); echo $i >/n; sleep 0.05; done'
    [ "$status" = 0 ]
    run umiak pause ctr1
    if [ "$status" != 0 ] && rootless; then skip "no freezer for this user: $output"; fi
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" paused "state"
    run_umiak unpause ctr1
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" running "state"
}

@test "exec: output, exit code, user, env, cwd, input" {
    run_umiak run -d --name ctr1 --network none -e FROM_RUN=1 $IMAGE sleep 100
    run_umiak exec ctr1 echo hi; is "$output" hi "output"
    run_umiak 4 exec ctr1 sh -c 'exit 4'
    run_umiak exec -u user ctr1 id -un; is "$output" user "-u"
    run_umiak exec -w /tmp ctr1 pwd; is "$output" /tmp "-w"
    run_umiak exec -e X=y ctr1 sh -c 'echo $X $FROM_RUN'; is "$output" "y 1" "-e"
    out=$(echo data | umiak exec -i ctr1 cat); is "$out" data "-i"
    run_umiak 127 exec ctr1 nosuchcommand
    run_umiak 126 exec ctr1 /etc
    run_umiak 125 exec nosuch true; like "$output" "no such container" "unknown container"
    run_umiak exec -d ctr1 sh -c 'echo bg >/tmp/bg'
    sleep 0.3
    run_umiak exec ctr1 cat /tmp/bg; is "$output" bg "-d"
}

@test "exec: has the container's capabilities, seccomp and namespaces" {
    run_umiak run -d --name ctr1 --network none $IMAGE sleep 100
    run_umiak exec ctr1 sh -c 'grep -E "CapBnd|Seccomp:" /proc/self/status; for n in net uts ipc pid mnt cgroup; do [ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] || echo differ $n; done'
    like "$output" "00000000800405fb" "bounding"
    like "$output" "Seccomp:.*2" "filter"
    [[ $output != *differ* ]]
}

@test "logs: what was written, in order, with --tail and -t" {
    run_umiak run --name ctr1 --network none $IMAGE sh -c 'for i in 1 2 3 4 5; do echo line $i; done'
    run_umiak logs ctr1; is "${lines[4]}" "line 5" "all"
    run_umiak logs --tail 2 ctr1; is "$output" $'line 4\nline 5' "tail"
    run_umiak logs -t --tail 1 ctr1; like "$output" '^[0-9]{4}-[0-9]{2}-.*line 5$' "timestamps"
    run_umiak run -d --name ctr2 --network none $IMAGE sh -c 'for i in 1 2 3; do echo l$i; sleep 0.2; done'
    run_umiak logs -f ctr2; is "$output" $'l1\nl2\nl3' "follow ends with the container"
}

@test "attach: to a running container; detach keys leave it running" {
    run_umiak run -d --name ctr1 --network none $IMAGE sh -c 'sleep 2; echo attached; exit 6'
    run_umiak attach ctr1; like "$output" attached "output; as with Podman the code is wait's business"
    run_umiak wait ctr1; is "$output" 6 "code"
}

@test "rename, top, port, container exists" {
    run_umiak run -d --name ctr1 --network none $IMAGE sleep 1234
    run_umiak rename ctr1 ctr2
    run_umiak container exists ctr2
    run_umiak 1 container exists ctr1
    run_umiak top ctr2; like "$output" "sleep 1234" "top"
    run_umiak top ctr2 pid comm; like "${lines[0]}" "PID" "descriptors"
}

@test "ps: columns, filters, formats" {
    run_umiak run -d --name up --network none --label k=v $IMAGE sleep 100
    run_umiak run --name down --network none $IMAGE false || true
    run umiak run --name down2 --network none $IMAGE sh -c 'exit 3'
    run_umiak ps --format '{{.Names}} {{.Image}} {{.State}}'; is "$output" "up $IMAGE running" "running only"
    run_umiak ps -a --filter status=exited --filter exited=3 --format '{{.Names}}'; is "$output" down2 "exited=3"
    run_umiak ps --filter label=k=v --format '{{.Names}}'; is "$output" up "label"
    run_umiak ps -a --format json; like "$output" '"Names"' "json"
    run_umiak 125 ps --filter nosuch=1; like "$output" nosuch "bad filter"
    run_umiak ps; like "${lines[0]}" "CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES" "header"
}

@test "restart policy: on-failure starts again, at most as often as said" {
    run_umiak run -d --name ctr1 --network none --restart on-failure:2 $IMAGE sh -c 'echo try; exit 1'
    for _ in $(seq 300); do
        # between the second and the third try it is "2 exited", too
        [ "$(umiak logs ctr1 | wc -l) $(umiak inspect --format '{{.RestartCount}} {{.State.Status}}' ctr1)" != "3 2 exited" ] || break
        sleep 0.1
    done
    run_umiak inspect --format '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' ctr1; is "$output" "2 exited 1" "count"
    run_umiak logs ctr1; is "${#lines[@]}" 3 "three tries"
}

@test "health check: from starting to healthy to unhealthy without systemd" {
    run_umiak run -d --name ctr1 --network none --health-cmd 'test -e /ok' --health-interval 300ms --health-retries 2 $IMAGE sh -c 'touch /ok; sleep 100'
    for _ in $(seq 50); do [ "$(umiak inspect --format '{{.State.Health.Status}}' ctr1)" = healthy ] && break; sleep 0.1; done
    run_umiak inspect --format '{{.State.Health.Status}}' ctr1; is "$output" healthy "healthy"
    run_umiak exec ctr1 rm /ok
    for _ in $(seq 50); do [ "$(umiak inspect --format '{{.State.Health.Status}}' ctr1)" = unhealthy ] && break; sleep 0.1; done
    run_umiak inspect --format '{{.State.Health.Status}}' ctr1; is "$output" unhealthy "unhealthy"
    run_umiak 1 healthcheck run ctr1
}

@test "the monitor dies: the container lives on, the next command adopts it" {
    run_umiak run -d --name ctr1 --network none $IMAGE sleep 100
    run_umiak inspect --format '{{.State.ConmonPid}} {{.State.Pid}}' ctr1
    read -r monitor pid <<<"$output"
    kill -KILL "$monitor"
    sleep 0.2
    [ -d "/proc/$pid" ]
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" running "still running"
    run_umiak exec ctr1 true
    run_umiak stop -t 0 ctr1
    run_umiak inspect --format '{{.State.Status}}' ctr1; is "$output" exited "stopped"
}

@test "everything of a container killed at once: the next command tells the truth" {
    run_umiak run -d --name ctr1 --network none $IMAGE sleep 100
    run_umiak inspect --format '{{.State.ConmonPid}} {{.State.Pid}}' ctr1
    read -r monitor pid <<<"$output"
    kill -KILL "$monitor" "$pid"
    sleep 0.2
    run_umiak ps -q; is "$output" "" "not shown as running"
    run_umiak ps -aq; [ -n "$output" ]
    run_umiak rm ctr1
}

@test "twenty at once: all run, all names and codes right" {
    for i in $(seq 20); do umiak run --rm --network none --name "p$i" $IMAGE sh -c "exit $i" & pids[i]=$!; done
    for i in $(seq 20); do
        code=0; wait "${pids[i]}" || code=$?
        is "$code" "$i" "exit code of p$i"
    done
    run_umiak ps -aq; is "$output" "" "none left"
}

@test "rootless: a lost sleeping process is replaced from a running container's namespace, never from another world's" {
    rootless || skip "users only"
    [ "$(id -u)" = 0 ] || skip "needs root to make the other world"
    run_umiak run -d --name a --network none $IMAGE sleep 1000
    local record world=$UMIAK_WORK/world
    record=$(find "$UMIAK_WORK/xdg" -name pause -type f)
    kill -9 "$(grep -oE '^[0-9]+|[0-9]+' "$record" | head -1)"
    run_umiak exec a true
    # the same user where the run-time directory is another one: nothing of here may be joined
    mkdir "$world"
    unshare -m --propagation private sh -c "mount -t tmpfs tmpfs '$world' && mkdir '$world/home' '$world/xdg' &&
        chown -R $UMIAK_TEST_USER: '$world' && chmod 700 '$world/xdg' && setpriv --reuid=$(id -u "$UMIAK_TEST_USER") \
        --regid=$(id -g "$UMIAK_TEST_USER") --init-groups env HOME='$world/home' XDG_RUNTIME_DIR='$world/xdg' \
        '$UMIAK_BUILD/umiak' images; s=\$?; [ \$s != 0 ] || kill -9 \$(grep -oE '[0-9]+' \$(find '$world/xdg' -name pause -type f) | head -1); exit \$s"
}
