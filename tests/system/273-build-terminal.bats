#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 273-build-terminal.bats - what a build shows: a live picture on a terminal, plain lines anywhere else.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    GATE=$(mktemp -d "$UMIAK_WORK/tmp/gate.XXXXXX")
    chmod 777 "$CTX" "$GATE"
    cat >"$CTX/Containerfile" <<'END'
FROM localhost/umiak/test:1 AS one
RUN for i in 1 2 3 4 5 6 7 8; do echo "one line $i"; done; until [ -e /gate/go ]; do sleep 0.1; done
FROM localhost/umiak/test:1
RUN printf '\033]0;evil\007 bell\n'; until [ -e /gate/go ]; do sleep 0.1; done
COPY --from=one /etc/passwd /p
END
    chmod -R a+rX "$CTX"
    export -f umiak
}
teardown() { touch "$GATE/go"; end_jobs; rm -rf "$CTX" "$GATE"; }

# on_terminal [NAME=VALUE...] -- OPTIONS...: the build with a terminal of 90 columns; what it writes is in $SHOWN
on_terminal() {
    local variables=()
    while [ "$1" != -- ]; do variables+=("$1"); shift; done
    shift
    SHOWN=$UMIAK_WORK/tmp/shown
    env -u NO_COLOR SHELL=/bin/bash TERM=xterm "${variables[@]}" timeout 90 script -qefc \
        "stty rows 40 cols 90; bash -c 'umiak build --network none -v $GATE:/gate $* $CTX; echo \"[rc \$?]\"'" "$SHOWN" </dev/null >/dev/null 2>&1 3>&- 4>&-
}
shows() { # TEXT: comes within 40 seconds
    for _ in $(seq 400); do
        ! grep -qF -e "$1" "$SHOWN" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "never shown: $1"; cat -v "$SHOWN"; return 1
}

@test "a terminal shows stages with their steps and times, the last lines of what runs, and what came from the cache" {
    rm -f "$UMIAK_WORK/tmp/shown"
    SHOWN=$UMIAK_WORK/tmp/shown
    on_terminal -- -t shown &
    shows "one line 8"; shows "one line 5"   # while it runs
    shows "[one 2/2]"; shows "[stage 2 2/3]"
    ! grep -q "STEP" "$SHOWN"
    touch "$GATE/go"
    wait $!
    text=$(cat "$SHOWN")
    like "$text" '✓ .*\[one 2/2\].*RUN for.* [0-9]+\.[0-9]s' "a step that is done, and its time"
    like "$text" '\[stage 2 3/3\].*COPY --from=one' "the other stage"
    like "$text" "built in [0-9]+\.[0-9]s" "the whole"
    like "$text" '\[rc 0\]' "success"
    like "$text" $'\033\\[1m' "colours"
    # what a command prints does not reach the terminal as it is
    [[ $text != *$'\033]0;evil'* && $text != *$'\007'* ]]
    like "$text" '\]0;evil' "the control: it was shown"
    on_terminal NO_COLOR=1 -- -t shown
    text=$(cat "$SHOWN")
    like "$text" '\[stage 2 2/3\].* cached' "hits of the cache"
    [[ $text != *$'\033[1m'* && $text != *$'\033[2m'* && $text != *$'\033[32m'* ]]
    like "$text" '✓' "the picture, without colours"
}

@test "plain lines: in a pipe, with --progress plain, on a terminal that cannot move its cursor; --quiet: the id alone" {
    touch "$GATE/go"
    run_umiak build --network none -v "$GATE:/gate" -t plain "$CTX"
    [[ $output == *"[1/2] STEP 1/2: FROM $IMAGE AS one"*"one line 1"*"[2/2] STEP 3/3: COPY"* ]]
    [[ $output != *"✓"* ]]
    on_terminal -- --progress plain
    grep -q 'STEP 3/3: COPY' "$SHOWN"; ! grep -q '✓' "$SHOWN"
    on_terminal TERM=dumb --
    grep -q 'STEP 3/3: COPY' "$SHOWN"; ! grep -q '✓' "$SHOWN"
    run_umiak build -q --network none -v "$GATE:/gate" "$CTX"
    like "$output" '^[0-9a-f]{64}$' "the id"
}

@test "a step that fails stays on the terminal with its last lines and the error" {
    printf 'FROM %s\nRUN echo last words; exit 7\n' "$IMAGE" >"$CTX/Containerfile"
    on_terminal --
    text=$(cat "$SHOWN")
    like "$text" '\[2/2\].*RUN echo last words' "the step"
    like "$text" 'Error: building at STEP .*exit status 7' "the error"
    like "$text" '\[rc 7\]' "the exit code"
}
