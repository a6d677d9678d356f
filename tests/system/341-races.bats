# SPDX-License-Identifier: Apache-2.0
# The short form of the races of `make scale`: as many rows as there is time for.
load helpers

@test "two commands at once on one name" {
    local as=()
    # shellcheck disable=SC2031
    if rootless && [ "$(id -u)" = 0 ]; then
        as=(setpriv "--reuid=$(id -u "$UMIAK_TEST_USER")" "--regid=$(id -g "$UMIAK_TEST_USER")" --init-groups)
    fi
    TIME_LIMIT=5 run "${as[@]}" "$BATS_TEST_DIRNAME/../scale/races" "$UMIAK_BUILD" short
    echo "$output"
    [ "$status" = 0 ]
}
