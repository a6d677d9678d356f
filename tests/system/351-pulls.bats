# SPDX-License-Identifier: Apache-2.0
# Pulls beside each other and pulls that were cut off: what travels over the network, asked of the registry itself.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    T=$UMIAK_WORK/tmp/registry
    mkdir "$T"
    "$BATS_TEST_DIRNAME/../lib/slow-registry" "$T" 3>&- 4>&- >"$T/output" 2>&1 &
    registry=$!
    until_true test -e "$T/address"
    app=$(cat "$T/address")/app:1
}
teardown() {
    touch "$T/go"
    end_jobs
    umiak_teardown
    umiak rmi -f "$app" >/dev/null || true
    rm -rf "$T"
}

until_true() {
    for _ in $(seq 600); do ! "$@" || return 0; sleep 0.05; done
    echo "never: $*"; cat "$T/log" "$T/output"; return 1
}
asked() { grep -c "^$1" "$T/log"; }
have_asked() { [ "$(asked "$1")" -ge "$2" ]; }

@test "the same image wanted by four commands at once: its layer travels once" {
    pulls=()
    for i in 1 2 3 4; do
        umiak pull -q --tls-verify=false "$app" >"$T/pull$i" 2>&1 & pulls+=($!)
    done
    until_true have_asked manifest 4
    until_true have_asked layer 1
    touch "$T/go"
    for p in "${pulls[@]}"; do wait "$p" || { cat "$T"/pull?; false; }; done
    is "$(sort -u "$T"/pull? | wc -l)" 1 "one image"
    is "$(asked layer)" 1 "times the layer was asked for: $(cat "$T/log")"
}

@test "a pull that was killed half way: the next one asks for the rest" {
    umiak pull -q --tls-verify=false "$app" >"$T/pull" 2>&1 & pull=$!
    until_true have_asked layer 1
    arrived() { [ "$(find "$UMIAK_WORK" -path '*/partial/*' -type f -size +1M | wc -l)" -ge 1 ]; }
    until_true arrived
    kill -9 "$(pgrep -P "$pull")"; wait "$pull" || true   # the program, not the shell around it
    touch "$T/go"
    run_umiak pull -q --tls-verify=false "$app"
    like "$(tail -n 1 "$T/log")" '^layer [1-9][0-9]+$' "the rest alone"
    is "$(asked layer)" 2 "questions for the layer: $(cat "$T/log")"
    run_umiak system check
}
