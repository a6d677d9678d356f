#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "run: the container's output and exit code are the command's" {
    run_umiak 0 run --rm --network none $IMAGE echo hello
    is "$output" hello "output"
    run_umiak 7 run --rm --network none $IMAGE sh -c 'exit 7'
    # the first process of a pid namespace is deaf to its own signals: a second one is killed
    run_umiak 143 run --rm --network none $IMAGE sh -c 'sh -c "kill -TERM \$\$"; exit $?'
}

@test "run: stdout and stderr stay apart" {
    run umiak run --rm --network none $IMAGE sh -c 'echo out; echo err >&2'
    out=$(umiak run --rm --network none $IMAGE sh -c 'echo out; echo err >&2' 2>/dev/null)
    is "$out" out "stdout alone"
    err=$(umiak run --rm --network none $IMAGE sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)
    is "$err" err "stderr alone"
}

@test "run -i: standard input reaches the container, to its end" {
    out=$(head -c 3000000 /dev/zero | tr '\0' x | umiak run --rm -i --network none $IMAGE wc -c)
    is "$out" 3000000 "bytes counted"
}

@test "run without -i: standard input is empty" {
    out=$(echo secret | umiak run --rm --network none $IMAGE cat)
    is "$out" "" "nothing read"
}

@test "run: 10 MB of output arrive complete" {
    out=$(umiak run --rm --network none $IMAGE sh -c 'head -c 10000000 /dev/zero' | wc -c)
    is "$out" 10000000 "bytes"
}

@test "run: command not found is 127, not executable is 126, unknown flag is 125" {
    run_umiak 127 run --rm --network none $IMAGE /no/such/command
    like "$output" "not found|No such file" "message"
    run_umiak 126 run --rm --network none $IMAGE /etc
    run_umiak 125 run --rm --no-such-flag $IMAGE true
    like "$output" "unknown flag: --no-such-flag" "message"
    run_umiak ps -aq
    is "$output" "" "nothing left behind"
}

@test "run: an unknown image is one line that names it, exit 125" {
    run_umiak 125 run --rm --pull never --network none localhost/no/such:image true
    like "${lines[-1]}" "^Error: .*localhost/no/such:image" "message"
}

@test "run: environment of the image, of -e, of --env-file; host variables by name only" {
    printf '# comment\nFROM_FILE=file\nHOSTVAR\n' >"$BATS_TEST_TMPDIR/env"
    chmod 644 "$BATS_TEST_TMPDIR/env"; chmod a+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
    cp "$BATS_TEST_TMPDIR/env" "$UMIAK_WORK/env"; chmod 644 "$UMIAK_WORK/env"
    HOSTVAR=from-host SECRET=x run_umiak run --rm --network none -e A=1 -e A=2 --env-file "$UMIAK_WORK/env" $IMAGE env
    like "$output" "IMAGE_VAR=from image" "image's"
    like "$output" "A=2" "last -e wins"
    like "$output" "FROM_FILE=file" "file"
    [[ $output != *SECRET* ]]
    like "$output" "container=" "container variable"
}

@test "run: working directory, user, groups, hostname, umask" {
    run_umiak run --rm --network none -w /tmp $IMAGE pwd
    is "$output" /tmp "-w"
    run_umiak run --rm --network none $IMAGE pwd
    is "$output" /root "the image's"
    run_umiak run --rm --network none -u user $IMAGE id
    like "$output" "uid=1000\(user\) gid=1000\(user\)" "by name"
    like "$output" "2000\(extra\)" "supplementary groups from /etc/group"
    run_umiak run --rm --network none -u 1234:5678 $IMAGE id
    like "$output" "uid=1234.* gid=5678" "by number"
    run_umiak run --rm --network none --hostname boat $IMAGE hostname
    is "$output" boat "--hostname"
    run_umiak run --rm --network none --umask 0077 $IMAGE sh -c umask
    is "$output" 0077 "--umask"
    run_umiak 126 run --rm --network none -u nosuchuser $IMAGE true
    like "$output" nosuchuser "names the user"
}

@test "run: bind mounts, read-only and writable, and what is missing" {
    mkdir -p "$UMIAK_WORK/tmp/src"; echo data >"$UMIAK_WORK/tmp/src/f"; chmod 777 "$UMIAK_WORK/tmp/src"
    run_umiak run --rm --network none -v "$UMIAK_WORK/tmp/src:/m" $IMAGE sh -c 'cat /m/f; echo new >/m/g'
    is "$output" data "read"
    is "$(cat "$UMIAK_WORK/tmp/src/g")" new "written"
    run_umiak 1 run --rm --network none -v "$UMIAK_WORK/tmp/src:/m:ro" $IMAGE sh -c 'echo x >/m/h'
    like "$output" "Read-only file system" "ro"
    run_umiak run --rm --network none --mount type=bind,src="$UMIAK_WORK/tmp/src",dst=/deep/er/m,ro $IMAGE cat /deep/er/m/f
    is "$output" data "--mount"
    run_umiak 125 run --rm --network none -v /no/such/dir:/m $IMAGE true
    like "$output" "/no/such/dir" "names the source"
    run_umiak 125 run --rm --network none --mount type=bind,src=/tmp,dst=/m,nosuchoption $IMAGE true
    like "$output" nosuchoption "names the option"
}

@test "run: tmpfs, read-only root, shm size" {
    run_umiak run --rm --network none --tmpfs /scratch:size=1m $IMAGE sh -c 'mount | grep " /scratch "'
    like "$output" "tmpfs.*size=1024k" "size"
    run_umiak 1 run --rm --network none --read-only $IMAGE touch /x
    like "$output" "Read-only" "root"
    run_umiak run --rm --network none --read-only $IMAGE sh -c 'touch /tmp/x /run/x && echo fine'
    is "$output" fine "tmpfs on /tmp and /run"
    run_umiak run --rm --network none --shm-size 2m $IMAGE sh -c 'df -k /dev/shm | tail -1'
    like "$output" " 2048 " "shm"
}

@test "run: changes stay in the container, not in the image" {
    run_umiak run --network none --name ctr1 $IMAGE sh -c 'rm /etc/motd; echo x >/new'
    run_umiak run --rm --network none $IMAGE sh -c 'cat /etc/motd; ls /new 2>&1; true'
    like "$output" "umiak test image" "motd is back"
}

@test "run: namespaces are the container's own, --pid host is the host's" {
    run_umiak run --rm --network none $IMAGE sh -c 'echo $$'
    is "$output" 1 "pid"
    run_umiak run --rm --network none $IMAGE ls /sys/class/net
    is "$output" lo "only loopback"
    host=$(readlink /proc/self/ns/uts)
    run_umiak run --rm --network none --uts host $IMAGE readlink /proc/self/ns/uts
    is "$output" "$host" "--uts host"
    run_umiak run --rm --network none $IMAGE readlink /proc/self/ns/uts
    [ "$output" != "$host" ]
    host=$(netns_exec readlink /proc/self/ns/net)
    run_umiak run --rm --network host $IMAGE readlink /proc/self/ns/net
    is "$output" "$host" "--network host"
}

@test "run --network container: joins the other's namespace" {
    run_umiak run -d --name first --network none $IMAGE sleep 100
    run_umiak exec first readlink /proc/self/ns/net
    ns=$output
    run_umiak run --rm --network container:first $IMAGE readlink /proc/self/ns/net
    is "$output" "$ns" "same netns"
}

@test "run: default capabilities are Podman's eleven; add, drop, privileged" {
    run_umiak run --rm --network none $IMAGE grep CapBnd /proc/self/status
    like "$output" "00000000800405fb" "default bounding set"
    run_umiak run --rm --network none --cap-drop all $IMAGE grep CapEff /proc/self/status
    like "$output" "0000000000000000" "none"
    run_umiak run --rm --network none --cap-drop all --cap-add net_raw $IMAGE grep CapEff /proc/self/status
    like "$output" "0000000000002000" "one"
    run_umiak run --rm --network none -u user $IMAGE grep CapEff /proc/self/status
    like "$output" "0000000000000000" "another user has none"
    run_umiak 125 run --rm --network none --cap-add nosuchcap $IMAGE true
    like "${output,,}" "nosuchcap" "unknown"
}

@test "run: seccomp is on by default, off when asked" {
    run_umiak run --rm --network none $IMAGE grep Seccomp: /proc/self/status
    like "$output" "2" "filter mode"
    run_umiak run --rm --network none --security-opt seccomp=unconfined $IMAGE grep Seccomp: /proc/self/status
    like "$output" "0" "off"
    run_umiak run --rm --network none --security-opt no-new-privileges $IMAGE grep NoNewPrivs /proc/self/status
    like "$output" "1" "no-new-privileges"
}

@test "run: --ulimit, --sysctl, --init, --device" {
    run_umiak run --rm --network none --ulimit nofile=100:200 $IMAGE sh -c 'ulimit -n; ulimit -Hn'
    is "$output" $'100\n200' "--ulimit"
    run_umiak run --rm --network none --sysctl kernel.msgmax=12345 $IMAGE cat /proc/sys/kernel/msgmax
    is "$output" 12345 "--sysctl"
    run_umiak 125 run --rm --network none --sysctl kernel.core_pattern=x $IMAGE true
    like "$output" "kernel.core_pattern" "a sysctl of the host is refused"
    run_umiak run --rm --network none --init $IMAGE sh -c 'cat /proc/1/comm'
    like "$output" "podman-init" "--init"
    run_umiak run --rm --network none --device /dev/full $IMAGE sh -c 'ls -l /dev/full'
    like "$output" "1, *7" "--device"
}

@test "run: --cidfile, --pidfile, --name, --replace, -d prints the id" {
    run_umiak run -d --name ctr1 --network none --cidfile "$UMIAK_WORK/tmp/cid" --pidfile "$UMIAK_WORK/tmp/pid" $IMAGE sleep 100
    is "$(cat "$UMIAK_WORK/tmp/cid")" "$output" "cidfile"
    like "$output" '^[0-9a-f]{64}$' "id"
    [ -d "/proc/$(cat "$UMIAK_WORK/tmp/pid")" ]
    run_umiak 125 run -d --name ctr1 --network none $IMAGE sleep 100
    like "$output" "already in use" "name taken"
    like "$output" "replace" "hint"
    run_umiak run -d --name ctr1 --replace --network none $IMAGE sleep 100
    run_umiak ps -q --no-trunc
    is "${#lines[@]}" 1 "one is left"
    rm -f "$UMIAK_WORK/tmp/cid" "$UMIAK_WORK/tmp/pid"
}

@test "run --rm: nothing is left, also after SIGKILL of the foreground client" {
    run_umiak run --rm --network none $IMAGE true
    run_umiak ps -aq
    is "$output" "" "removed"
    umiak run --rm --name ctr1 --network none $IMAGE sleep 100 &
    for _ in $(seq 50); do umiak ps -q | grep -q . && break; sleep 0.1; done
    run_umiak inspect --format '{{.State.Pid}}' ctr1
    pid=$output
    kill -KILL "$(pgrep -P $!)"
    sleep 0.3
    [ -d "/proc/$pid" ]   # the client's death harms nothing
    run_umiak stop -t 0 ctr1
    for _ in $(seq 50); do [ -z "$(umiak ps -aq)" ] && break; sleep 0.1; done
    run_umiak ps -aq
    is "$output" "" "removed by the monitor's clean-up"
}

@test "run: --timezone, --label, --annotation, --stop-signal show in inspect" {
    run_umiak run --name ctr1 --network none --label a=b --annotation x=y --stop-signal INT $IMAGE true
    run_umiak inspect --format '{{.Config.Labels.a}} {{index .Config.Annotations "x"}} {{.Config.StopSignal}}' ctr1
    like "$output" "^b y (SIGINT|2)" "inspect"
}

@test "run --userns: maps as asked" {
    run_umiak run --rm --network none --userns keep-id $IMAGE id -u
    if rootless; then is "$output" "$(id -u "$UMIAK_TEST_USER")" "keep-id"; fi
    run_umiak run --rm --network none --uidmap 0:1000:500 --gidmap 0:1000:500 $IMAGE cat /proc/self/uid_map
    like "$output" "0 +[0-9]+ +500" "uidmap"
}

@test "run -t: a terminal of its own with the right size after resize" {
    run_umiak run --rm -t --network none $IMAGE tty
    like "$output" "/dev/pts/0|/dev/console" "tty"
}
