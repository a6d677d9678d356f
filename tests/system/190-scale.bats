# SPDX-License-Identifier: Apache-2.0
# The short form of `make scale`.
load helpers

@test "many processes on one store, many containers at once" {
    if rootless; then skip "once is enough"; fi
    run "$BATS_TEST_DIRNAME/../scale/run" "$UMIAK_BUILD" 8 8 24
    echo "$output"
    [ "$status" = 0 ]
}
