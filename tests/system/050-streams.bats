# SPDX-License-Identifier: Apache-2.0
# What goes in and out of a container: attach, logs, wait, and what the monitor does for them.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

wait_for_log() { # NAME TEXT
    local i
    for i in $(seq 100); do
        umiak logs "$1" 2>&1 | grep -qF "$2" && return 0
        sleep 0.05
    done
    echo "no \"$2\" in the log of $1"; return 1
}

@test "logs: both streams, tail, timestamps, since and until" {
    run_umiak run --name l $IMAGE sh -c 'echo one; echo two >&2; sleep 0.2; printf part'
    is "$(umiak logs l 2>/dev/null)" $'one\npart' "stdout"
    is "$(umiak logs l 2>&1 >/dev/null)" "two" "stderr"
    is "$(umiak logs --tail 1 l 2>&1)" "part" "tail"
    like "$(umiak logs -t --tail 1 l 2>&1)" '^[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+) part$' "timestamps"
    is "$(umiak logs --until 1000 l 2>&1)" "" "nothing before 1970"
    is "$(umiak logs --since 1000 l 2>/dev/null)" $'one\npart' "everything since 1970"
}

@test "logs: drivers" {
    run_umiak run --name j --log-driver json-file $IMAGE sh -c 'echo "a \"b\""'
    is "$(umiak logs j)" 'a "b"' "json-file is read back"
    run_umiak run --name n --log-driver none $IMAGE echo x
    run_umiak 125 logs n
    like "$output" "using the 'none' log driver, cannot read logs" "none"
    run_umiak 125 logs nosuch
    like "$output" "no such container" "no container"
}

@test "logs: rotated files are one log, and go with the container" {
    run_umiak run --name r --log-opt max-size=16k --log-opt max-file=3 $IMAGE seq 1 5000
    local path lines
    path=$(umiak inspect --format '{{.HostConfig.LogConfig.Path}}' r)
    if ! rootless; then
        [ -e "$path.2" ] && [ ! -e "$path.3" ]
        [ "$(stat -c %s "$path.1")" -le 16384 ]
    fi
    umiak logs r >"$BATS_TEST_TMPDIR/log"
    is "$(tail -1 "$BATS_TEST_TMPDIR/log")" 5000 "the last line"
    lines=$(wc -l <"$BATS_TEST_TMPDIR/log")
    # the first may be the end of a line whose beginning went with an older file
    is "$(sed -n 2p "$BATS_TEST_TMPDIR/log")" $((5002 - lines)) "no line is missing in between"
    run_umiak rm r
    rootless || [ -z "$(ls "$path"* 2>/dev/null)" ]
}

@test "logs --follow: every line across rotation, ends with the container" {
    run_umiak run -d --name f --log-opt max-size=4k --log-opt max-file=3 $IMAGE \
        sh -c 'i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); [ $((i % 10)) != 0 ] || sleep 0.02; done'
    umiak logs -f f >"$BATS_TEST_TMPDIR/log"
    is "$(wc -l <"$BATS_TEST_TMPDIR/log")" 400 "lines"
    is "$(tail -1 "$BATS_TEST_TMPDIR/log")" "line 399" "the last one"
}

@test "logs --follow: several containers" {
    run_umiak run -d --name a $IMAGE sh -c 'echo a1; sleep 0.3; echo a2'
    run_umiak run -d --name b $IMAGE sh -c 'sleep 0.1; echo b1; sleep 0.1; echo b2'
    run_umiak logs -f --names a b
    like "$output" 'a a1' "a"
    like "$output" 'b b1.*b b2' "b"
    like "$output" 'a a2' "the end of a"
}

@test "run: stdin, end of input, and exit codes" {
    is "$(echo typed | umiak run --rm -i $IMAGE cat)" typed "stdin"
    is "$(umiak run --rm $IMAGE cat </etc/passwd)" "" "no -i, no input"
    run_umiak 42 run --rm $IMAGE sh -c 'exit 42'
    run_umiak run -d --name k $IMAGE sleep 100
    run_umiak kill k
    run_umiak wait k
    is "$output" 137 "killed"
}

@test "run: a megabyte each way, byte for byte" {
    head -c 1048576 /dev/urandom >"$BATS_TEST_TMPDIR/in"
    umiak run --rm -i $IMAGE cat <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
    cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
}

@test "run -t: a terminal of the right size" {
    export -f umiak
    # script starts $SHELL, and dash loses exported functions
    run env SHELL=/bin/bash timeout 20 script -qec "stty rows 33 cols 77; bash -c 'umiak run --rm -it $IMAGE stty size'" /dev/null </dev/null
    like "$output" '33 77' "size"
}

@test "attach: output from now on, detach keys, and it goes on" {
    run_umiak run -d -it --name d $IMAGE sh -c 'while :; do echo tick; sleep 0.1; done'
    export -f umiak
    run bash -c "(sleep 1; printf '\\020\\021'; sleep 2) | umiak attach d"
    [ "$status" = 0 ]
    like "$output" 'tick' "output"
    is "$(umiak inspect --format '{{.State.Status}}' d)" running "it still runs"
    run bash -c "(sleep 0.5; printf x; sleep 2) | umiak attach --detach-keys x d"
    [ "$status" = 0 ]
    run_umiak 125 attach --detach-keys ctrl-1 d
    like "$output" 'invalid detach keys' "bad keys are refused"
}

@test "attach: only to running containers" {
    run_umiak create --name c $IMAGE true
    run_umiak 125 attach c
    like "$output" 'you can only attach to running containers' "created"
}

@test "wait: codes in order, conditions, unknown ones" {
    run_umiak run -d --name w1 $IMAGE sh -c 'sleep 0.3; exit 3'
    run_umiak run -d --name w2 $IMAGE sh -c 'exit 4'
    run_umiak wait w1 w2
    is "$output" $'3\n4' "codes"
    run_umiak wait --ignore nosuch w1
    is "$output" $'-1\n3' "ignore"
    run_umiak run -d --name w3 $IMAGE sleep 100
    run_umiak wait --condition running w3
    is "$output" -1 "a condition that is no exit"
    run_umiak wait --exit-first-match w3 w2
    is "$output" 4 "the first that ends"
    run_umiak 125 wait --condition dancing w3
    like "$output" 'unknown container state: dancing' "condition"
}

@test "monitor: killed, the container goes on, no line and no exit code is lost" {
    run_umiak run -d --name m $IMAGE sh -c 'i=0; while [ $i -lt 30 ]; do echo n$i; i=$((i+1)); sleep 0.1; done; exit 5'
    wait_for_log m n2
    local pid
    pid=$(umiak inspect --format '{{.State.ConmonPid}}' m)
    kill -9 "$pid"
    sleep 0.3
    is "$(umiak ps --format '{{.Names}}')" m "it runs"
    [ "$(umiak inspect --format '{{.State.ConmonPid}}' m)" != "$pid" ]
    run_umiak wait m
    is "$output" 5 "exit code"
    is "$(umiak logs m | wc -l)" 30 "lines"
}

@test "logs --follow: goes on when the monitor is killed" {
    run_umiak run -d --name m $IMAGE sh -c 'i=0; while [ $i -lt 20 ]; do echo n$i; i=$((i+1)); sleep 0.1; done'
    umiak logs -f m >"$BATS_TEST_TMPDIR/log" 3>&- &
    local reader=$!
    wait_for_log m n2
    kill -9 "$(umiak inspect --format '{{.State.ConmonPid}}' m)"
    wait $reader
    is "$(wc -l <"$BATS_TEST_TMPDIR/log")" 20 "lines"
}

@test "run: goes on when the monitor is killed" {
    umiak run --rm --name m $IMAGE sh -c 'i=0; while [ $i -lt 20 ]; do echo n$i; i=$((i+1)); sleep 0.1; done; exit 6' \
        >"$BATS_TEST_TMPDIR/out" 3>&- &
    local runner=$! code=0
    wait_for_log m n2
    kill -9 "$(umiak inspect --format '{{.State.ConmonPid}}' m)"
    wait $runner || code=$?
    is "$code" 6 "exit code"
    is "$(tail -1 "$BATS_TEST_TMPDIR/out")" n19 "output"
    is "$(umiak ps -aq)" "" "removed"
}

@test "monitor: a killed foreground command leaves a running container that is removed at its end" {
    umiak run --rm --name k $IMAGE sh -c 'sleep 1; echo done' >/dev/null 2>&1 3>&- &
    local i
    for i in $(seq 100); do [ -n "$(umiak ps -q)" ] && break; sleep 0.05; done
    kill -9 $(pgrep -f "run --rm --name k $IMAGE" | head -5)
    is "$(umiak ps --format '{{.Names}}')" k "it runs"
    for i in $(seq 100); do [ -z "$(umiak ps -aq)" ] && break; sleep 0.05; done
    is "$(umiak ps -aq)" "" "removed"
}

@test "run --timeout" {
    local begin=$SECONDS
    run_umiak 255 run --rm --timeout 1 $IMAGE sleep 30   # conmon's -1
    [ $((SECONDS - begin)) -lt 10 ]
}
