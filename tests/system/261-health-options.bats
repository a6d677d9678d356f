# SPDX-License-Identifier: Apache-2.0
# health checks: where their log goes and how large it gets, startup checks; hooks and chroot directories.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

@test "health: the log's place, count and size" {
    dir=$UMIAK_WORK/tmp/logs; mkdir "$dir"; rootless && chown "$UMIAK_TEST_USER" "$dir"
    umiak run -d --name a --health-cmd 'echo hello-world; false' --health-interval disable --health-log-destination "$dir" \
        --health-max-log-count 2 --health-max-log-size 5 --network none "$IMAGE" sleep 1000
    for _ in 1 2 3; do run_umiak 1 healthcheck run a; done
    is "$(jq -r '[.Log[].Output] | join(" ")' "$dir"/*-healthcheck.log)" "hello hello" "two entries of five bytes"
    run_umiak inspect -f '{{len .State.Health.Log}} {{.State.Health.FailingStreak}} {{.State.Health.Status}}' a
    is "$output" "2 3 unhealthy" "inspect reads it there"
    run_umiak inspect -f '{{.Config.HealthLogDestination}} {{.Config.HealthMaxLogCount}} {{.Config.HealthMaxLogSize}}' a
    is "$output" "$dir 2 5" "the settings"
    run_umiak update --health-max-log-count 0 --health-max-log-size 0 a
    for _ in 1 2 3; do run_umiak 1 healthcheck run a; done
    run_umiak inspect -f '{{len .State.Health.Log}}' a
    is "$output" 5 "0: no limit"
    run_umiak 125 run -d --name b --health-cmd true --health-log-destination "$UMIAK_WORK/nosuch" "$IMAGE" true
    is "$output" "Error: HealthCheck Log '$UMIAK_WORK/nosuch' destination error: stat $UMIAK_WORK/nosuch: No such file or directory" "no directory"
    run_umiak 125 run -d --name b --health-cmd true --health-log-destination /etc/hostname "$IMAGE" true
    like "$output" "HealthCheck Log '/etc/hostname' destination must be directory" "a file"
    run_umiak 1 container exists b
    run_umiak rm -f -t0 a
}

@test "health: startup checks want successes in a row; too many failures restart" {
    umiak run -d --name s --health-cmd true --health-interval disable --health-startup-cmd 'test -e /ready' --health-startup-interval disable \
        --health-startup-success 2 --network none "$IMAGE" sleep 1000
    run_umiak 1 healthcheck run s
    run_umiak inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' s
    is "$output" "starting 0" "no failure of the regular check"
    umiak exec s touch /ready
    run_umiak healthcheck run s
    umiak exec s rm /ready
    run_umiak 1 healthcheck run s   # one was not enough: the startup check again
    umiak exec s touch /ready
    run_umiak healthcheck run s
    run_umiak healthcheck run s
    umiak exec s rm /ready
    run_umiak healthcheck run s     # two in a row: the regular one now
    run_umiak inspect -f '{{.State.Health.Status}}' s
    is "$output" healthy "passed"
    umiak run -d --name r --health-cmd true --health-startup-cmd false --health-startup-interval 1s --health-startup-retries 2 \
        --network none "$IMAGE" sleep 1000
    pid=$(umiak inspect -f '{{.State.Pid}}' r)
    for _ in $(seq 300); do
        now=$(umiak inspect -f '{{.State.Pid}}' r)
        [ "$now" = "$pid" ] || [ "$now" = 0 ] || break
        sleep 0.1
    done
    [ "$now" != "$pid" ]
}

@test "hooks: those that match run, with the state and their own environment" {
    dir=$UMIAK_WORK/tmp/hooks; mkdir "$dir" "$UMIAK_WORK/tmp/out"; rootless && chown "$UMIAK_TEST_USER" "$UMIAK_WORK/tmp/out"
    hook() { # NAME WHEN
        cat >"$dir/$1.json" <<H
{"version":"1.0.0","hook":{"path":"/bin/sh","args":["sh","-c","{ echo \$A; cat; } >$UMIAK_WORK/tmp/out/$1; env >>$UMIAK_WORK/tmp/out/env"],"env":["A=own"]},
 "when":{$2},"stages":["prestart"]}
H
    }
    hook always '"always":true'; hook note '"annotations":{"^my\\.x$":"^y"}'; hook command '"commands":["/sleep$"]'
    chmod -R a+rX "$dir"
    SECRET_OF_HOST=1 run_umiak --hooks-dir "$dir" run --rm "$IMAGE" true
    is "$(ls "$UMIAK_WORK/tmp/out" | tr '\n' ' ')" "always env " "those that match"
    is "$(head -n1 "$UMIAK_WORK/tmp/out/always")" own "its environment"
    ! grep -q SECRET_OF_HOST "$UMIAK_WORK/tmp/out/env"
    is "$(sed 1d "$UMIAK_WORK/tmp/out/always" | jq -r .ociVersion | cut -c1-2)" "1." "the state on its standard input"
    run_umiak --hooks-dir "$dir" run --rm --annotation my.x=yes "$IMAGE" true
    [ -e "$UMIAK_WORK/tmp/out/note" ]
    hook broken '"always":true'; sed -i 's/sh","-c","{/sh","-c","exit 3; {/' "$dir/broken.json"; chmod a+r "$dir/broken.json"
    run_umiak 126 --hooks-dir "$dir" run --rm --name x "$IMAGE" true || run_umiak 125 --hooks-dir "$dir" run --rm --name x "$IMAGE" true
    run_umiak 1 container exists x
}

@test "chrootdirs: the files of the container's names are in there, too" {
    net=host; rootless && net=none
    run_umiak run --rm --network "$net" --chrootdirs /data --chrootdirs /other --hostname box "$IMAGE" sh -c 'ls /data/etc; cat /other/etc/hostname'
    like "$output" "hostname" "they are there"
    like "$output" "hosts" "they are there"
    like "$output" "box" "what they hold"
    run_umiak run --rm --rootfs "$(mkdir -p "$UMIAK_WORK/tmp/r/bin"; cp /bin/busybox "$UMIAK_WORK/tmp/r/bin/"; echo "$UMIAK_WORK/tmp/r")":O /bin/busybox sh -c 'echo x >/new; cat /new'
    is "$output" x "a root file system of one's own, written over"
    [ ! -e "$UMIAK_WORK/tmp/r/new" ]
    run_umiak 125 run --rm --rootfs "$UMIAK_WORK/tmp/r:idmap=uids=0-1-10" /bin/busybox true
    like "$output" "name both, as in idmap=uids=" "half a mapping"
}
