# SPDX-License-Identifier: Apache-2.0
# stats, pod stats and top on a terminal: in place, within the window; plain when piped.

load helpers
setup_file() {
    umiak_setup_file
    export LC_ALL=C.UTF-8
    umiak run -d --name first --network none "$IMAGE" sleep 1000
    umiak run -d --name second-with-a-long-name --network none "$IMAGE" sh -c 'while :; do :; done'
}
teardown_file() { umiak_teardown_file; }
teardown() { end_jobs; }
export -f umiak
screen() { # COLUMNSxLINES FRAMES ARGS...
    local size=$1 frames=$2; shift 2
    TERM=${TERM_NAME:-xterm} "$BATS_TEST_DIRNAME/../lib/pty-screen" "$size" "$frames" bash -c 'umiak "$@"' - "$@" 3>&-
}

@test "stats: a terminal shows it in place, as much as there is room for" {
    run screen 120x10 2 stats -i 1
    like "$output" "NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET IO" "the header"
    like "${lines[1]}${lines[2]}" "first" "a container"
    like "$output" "second-with-a-long-name" "in full"
    like "$output" "scrolled 0" "nothing scrolls"
    like "$output" "colour yes" "colours"
    like "$output" "wrapped 0" "within the window"
    is "$(grep -c NAME <<<"$output")" 1 "one table"
    run screen 40x10 1 stats -i 1
    like "$output" "NAME +CPU % +MEM %" "narrow"
    [[ $output != *LIMIT* ]]
    like "$output" "wrapped 0" "narrow and within the window"
    run screen 60x3 1 stats -i 1
    like "$output" "and 2 more" "low"
    like "$output" "scrolled 0" "low, and nothing scrolls"
    NO_COLOR=1 run screen 40x10,100x10 1 stats -i 2
    like "$output" "MEM USAGE" "larger now"
    like "$output" "colour no" "NO_COLOR"
}

@test "stats: plain when piped, with --no-stream, --no-reset or a dumb terminal" {
    run umiak stats --no-stream
    like "${lines[0]}" "^ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET IO +BLOCK IO +PIDS +CPU TIME +AVG CPU %$" "piped"
    [[ $output != *$'\033'* ]]
    for words in "--no-stream" "--no-stream --no-reset" "-a --no-stream"; do
        # shellcheck disable=SC2086
        run screen 200x20 9 stats $words
        is "$(grep -c "^ID " <<<"$output")" 1 "one table with $words"
        like "$output" "colour no" "no colours with $words"
    done
    TERM_NAME=dumb run bash -c 'umiak stats -i 1 | head -n 4'
    is "$(grep -c "^ID " <<<"$output")" 2 "one table after the other"
    run_umiak stats --no-stream --format '{{.Name}} {{.PIDS}}' first
    is "$output" "first 1" "a format"
    run_umiak stats --no-stream --format json first
    is "$(jq -r '.[0].name' <<<"$output")" first "json"
    run_umiak 125 stats -i 0
    like "$output" "invalid interval" "interval"
}

@test "pod stats: the same with the pods' names" {
    run_umiak pod create --infra=false --name p
    umiak run -d --pod p --name m "$IMAGE" sleep 100
    run screen 100x10 1 pod stats p
    like "${lines[0]}" "POD +NAME" "the header"
    like "${lines[1]}" "$(umiak pod inspect -f '{{.Id}}' p | cut -c1-12) +m " "a member"
    run_umiak pod stats --no-stream --format '{{.Name}}' p
    is "$output" m "once"
    run_umiak pod rm -ft0 p
}

@test "top: once; with --interval again and again in place" {
    run screen 80x10 9 top first pid comm
    is "$(grep -c COMMAND <<<"$output")" 1 "once"
    run screen 12x10 2 top -i 1 first args pid ppid
    like "${lines[0]}" "^COMMAND" "the header"
    like "$output" "scrolled 0" "in place"
    like "$output" "wrapped 0" "cut"
    run bash -c 'umiak top -i 1 first pid | head -n 4'
    is "$(grep -c PID <<<"$output")" 2 "piped: table after table"
    run_umiak run -d --name short --network none "$IMAGE" sleep 1000
    timeout 100 bash -c 'umiak top -i 1 short pid' >"$UMIAK_WORK/out" 3>&- &
    watcher=$!
    for _ in $(seq 600); do [ ! -s "$UMIAK_WORK/out" ] || break; sleep 0.1; done
    run_umiak rm -f -t0 short
    wait "$watcher"   # ends with the container
    run_umiak 125 top -i -1 first
    like "$output" "invalid interval" "interval"
}
