#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "version, info, help" {
    run_umiak --version; like "$output" "^umiak version [0-9]" "--version"
    run_umiak version --format '{{.Client.Version}}'; like "$output" '^[0-9]+\.' "version"
    run_umiak info --format '{{.Store.GraphDriverName}}'; like "$output" "overlay|vfs" "info"
    run_umiak info --format json; echo "$output" | jq -e .host.cgroupVersion
    run_umiak help; like "$output" "Available Commands:" "help"
    run_umiak run --help; like "$output" "Usage:" "run --help"
}

@test "argv[0]: podman and docker are us" {
    ln -sf "$UMIAK_BUILD/umiak" "$BATS_TEST_TMPDIR/podman"
    ln -sf "$UMIAK_BUILD/umiak" "$BATS_TEST_TMPDIR/docker"
    run "$BATS_TEST_TMPDIR/podman" --version; like "$output" "^podman version" "podman"
    run "$BATS_TEST_TMPDIR/docker" --version; like "${output,,}" "^docker" "docker"
}

@test "mistakes: one clear line, exit 125" {
    run_umiak 125 nosuchcommand; like "$output" 'unrecognized command `umiak nosuchcommand`' "command"
    run_umiak 125 rnu; like "$output" "Did you mean this" "suggestion"
    run_umiak 125 ps --nosuch; like "$output" "unknown flag: --nosuch" "flag"
    run_umiak 125 container; like "$output" "missing command" "group"
    run_umiak 125 inspect; like "$output" "Error:" "argument"
    run_umiak 125 stop nosuch; like "$output" "no such container" "object"
    run_umiak 125 run --memory nonsense $IMAGE true; like "$output" nonsense "value"
}

@test "__complete: commands, flags, containers, images" {
    run_umiak create --name finishme --network none $IMAGE true
    complete() { run umiak_complete __completeNoDesc "$@"; }
    complete ru; like "$output" "run" "command"
    complete run --net; like "$output" "--network" "flag"
    complete rm finish; like "$output" "finishme" "container"
    complete run localhost/umiak; like "$output" "localhost/umiak/test" "image"
    like "${lines[-1]}" "^Completion ended with directive|^:[0-9]+" "directive"
}

@test "completion scripts parse" {
    umiak completion bash >"$BATS_TEST_TMPDIR/c"; bash -n "$BATS_TEST_TMPDIR/c"
    umiak completion fish | grep -q complete
    umiak completion zsh | grep -q compdef
}

@test "--log-level: bad word, exit 1" {
    run_umiak 1 --log-level nosuch ps
}
