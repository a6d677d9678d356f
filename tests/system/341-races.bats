# SPDX-License-Identifier: Apache-2.0
# The short form of the races of `make scale`: as many of a few rows as there is time for.
load helpers

@test "two commands at once on one name" {
    local as=()
    # shellcheck disable=SC2031
    if rootless && [ "$(id -u)" = 0 ]; then
        as=(setpriv "--reuid=$(id -u "$UMIAK_TEST_USER")" "--regid=$(id -g "$UMIAK_TEST_USER")" --init-groups)
    fi
    export ONLY='volume rm and run|volume prune and run|run and system prune|run -d and container prune|system prune|kill|volume rm'
    SEED=7 TIME_LIMIT=5 run "${as[@]}" "$BATS_TEST_DIRNAME/../scale/races" "$UMIAK_BUILD" short
    echo "$output"
    [ "$status" = 0 ]
}
