# SPDX-License-Identifier: Apache-2.0
# Health checks without systemd, and events.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

wait_for_health() { # NAME STATUS
    local i
    for i in $(seq 100); do
        [ "$(umiak inspect --format '{{.State.Health.Status}}' "$1")" = "$2" ] && return 0
        sleep 0.1
    done
    echo "$1 never became $2"; return 1
}

@test "health: timer, statuses, log" {
    run_umiak run -d --name h --health-cmd 'echo checked; test ! -e /bad' --health-interval 1s --health-retries 2 $IMAGE sleep 100
    wait_for_health h healthy
    like "$(umiak ps --format '{{.Status}}')" '\(healthy\)' "ps"
    run_umiak exec h touch /bad
    run_umiak 1 healthcheck run h
    is "$output" unhealthy "one failure"
    wait_for_health h unhealthy
    run_umiak exec h rm /bad
    run_umiak healthcheck run h
    is "$output" "" "well again"
    is "$(umiak inspect --format '{{(index .State.Health.Log 0).Output}}' h)" checked "output is kept"
}

@test "health: failures in the start period do not count" {
    run_umiak run -d --name s --health-cmd false --health-interval disable --health-retries 1 --health-start-period 100s $IMAGE sleep 100
    run_umiak 1 healthcheck run s
    is "$(umiak inspect --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' s)" "starting 0" "starting"
}

@test "health: startup check first" {
    run_umiak run -d --name s --health-cmd false --health-retries 1 --health-interval disable \
        --health-startup-cmd 'test -e /up' --health-startup-interval 200ms $IMAGE sh -c 'sleep 1; touch /up; sleep 100'
    wait_for_health s healthy
    run_umiak 1 healthcheck run s
    is "$output" unhealthy "now the regular check"
}

@test "health: on-failure actions" {
    run_umiak 125 create --health-on-failure=kill $IMAGE
    like "$output" 'cannot set on-failure action to kill without a health check' "needs a check"
    run_umiak run -d --name k --health-cmd false --health-interval 1s --health-retries 1 --health-on-failure=kill $IMAGE sleep 100
    run_umiak wait k
    is "$output" 137 "killed"
    run_umiak run -d --name r --health-cmd 'test -e /ok || { touch /ok; false; }' --health-interval disable --health-retries 1 \
        --health-on-failure=restart $IMAGE sleep 100
    local pid
    pid=$(umiak inspect --format '{{.State.Pid}}' r)
    umiak healthcheck run r || true
    [ "$(umiak inspect --format '{{.State.Pid}}' r)" != "$pid" ]
    is "$(umiak inspect --format '{{.State.Status}}' r)" running "restarted"
}

@test "health: time-out, no check, not running" {
    run_umiak run -d --name t --health-cmd 'sleep 100' --health-timeout 1s --health-interval disable $IMAGE sleep 100
    run_umiak 125 healthcheck run t
    like "$output" 'healthcheck command exceeded timeout of 1s' "time-out"
    run_umiak run -d --name n $IMAGE sleep 100
    run_umiak 125 healthcheck run n
    like "$output" 'has no defined healthcheck' "no check"
    run_umiak stop -t0 t
    run_umiak 125 healthcheck run t
    like "$output" 'is not running' "stopped"
}

@test "events: a container's life, filters, formats" {
    run_umiak --events-backend=file run --rm --name zlife --label who=me $IMAGE true
    local ev=(--events-backend=file events --stream=false --since 1m)
    is "$(umiak "${ev[@]}" --filter container=zlife --format '{{.Status}}' | tr '\n' ' ')" \
        "create init start attach died cleanup remove " "statuses"
    is "$(umiak "${ev[@]}" --filter container=zlife --filter event=die --format '{{.ContainerExitCode}} {{.Attributes.who}}')" "0 me" "died"
    is "$(umiak "${ev[@]}" --filter label=who=you)" "" "label"
    like "$(umiak "${ev[@]}" -f event=start)" 'container start [0-9a-f]{64} \(image=.*name=zlife, .*who=me' "text"
    umiak "${ev[@]}" -f event=start --format json | jq -e '.Name == "zlife" and .Type == "container"'
    run_umiak 125 "${ev[@]}" --filter colour=red
    like "$output" 'invalid filter' "unknown key"
    run_umiak 125 --events-backend none events
    like "$output" 'cannot read events with the "none" backend' "none"
}

@test "events: followed while they happen" {
    umiak --events-backend=file events --filter event=create --format '{{.Name}}' >"$BATS_TEST_TMPDIR/out" 3>&- &
    local reader=$! i
    sleep 0.5
    for i in 1 2 3; do run_umiak --events-backend=file create --name ev$i $IMAGE true; done
    for i in $(seq 50); do [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 3 ] && break; sleep 0.1; done
    kill $reader $(pgrep -P $reader) 2>/dev/null || true
    is "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/out")" "ev1 ev2 ev3 " "events"
}
