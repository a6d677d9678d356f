#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries that lie, hang and break off: the cases are in tests/evilreg/evilreg.py.
load helpers

@test "O5: pull from hostile registries: one line, exit 125, nothing left; what can be survived is survived" {
    command -v python3 >/dev/null || skip "python3 is missing"
    [ "$(id -u)" = 0 ] && [ -z "$UMIAK_ROOTLESS" ] || skip "run once, as root"
    run python3 "$BATS_TEST_DIRNAME/../evilreg/evilreg.py" "$UMIAK_BUILD/umiak"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "load of hostile archives and directories: the same, and nothing outside the store is touched" {
    command -v python3 >/dev/null || skip "python3 is missing"
    [ "$(id -u)" = 0 ] && [ -z "$UMIAK_ROOTLESS" ] || skip "run once, as root"
    run python3 "$BATS_TEST_DIRNAME/../evilreg/evilimg.py" "$UMIAK_BUILD/umiak"
    echo "$output"
    [ "$status" -eq 0 ]
}
