# SPDX-License-Identifier: Apache-2.0
# 342-step-images.bats - what a build was after each of its steps is an image: listed, run, removed with what came of it.
load helpers

setup_file() {
    umiak_setup_file
    CTX="$UMIAK_WORK/ctx"; export CTX
    mkdir "$CTX"; chmod 755 "$CTX"
}
teardown_file() { umiak_teardown_file; }
teardown() {
    umiak rm -af >/dev/null
    umiak rmi --ignore three other staged flat mine >/dev/null
    umiak image prune -f >/dev/null
    umiak builder prune -af >/dev/null
}

file() { cat >"$CTX/$1"; chmod -R a+rX "$CTX"; }
build() { run_umiak build --network none "$@" "$CTX"; }
steps() { umiak images -a --no-trunc --format '{{.Repository}} {{.Id}}' | sed -n 's/^<none> sha256://p;s/^<none> \([0-9a-f]*\)$/\1/p'; }
# The id a step was told with.
told() { sed -n 's/^--> \([0-9a-f]\{12\}\)$/\1/p' <<<"$output" | sed -n "$1p"; }

three() { printf 'FROM %s\nENV A=%s\nRUN echo one >/one\nRUN echo two >/two\n' "$IMAGE" "${1:-1}" | file Containerfile; }

@test "every step is an image: hidden from images, shown by -a, in the history, run and inspected by its id" {
    three; build -t three
    first=$(told 1); second=$(told 2)
    is "$(steps | wc -l)" 2 "the result has a name"
    is "$(umiak images | grep -c '<none>' || true)" 0 "ordinary lists are without them"
    run_umiak images -q --filter dangling=true
    is "$output" "" "nor are they dangling"
    run_umiak history --format '{{.ID}}' three
    is "${lines[1]} ${lines[2]}" "$second $first" "their ids"
    run_umiak image exists "$second"
    run_umiak image inspect --format '{{.Id}} {{index .Config.Env 0}} {{len .RootFS.Layers}}' "$first"
    [[ $output == "$first"* ]]
    run_umiak run --rm --network none "$second" sh -c 'cat /one; [ -e /two ] || echo "none $A"'
    is "$output" $'one\nnone 1' "as it was then"
    run_umiak image tree "$second"
    [[ $output == *"Image ID: $second"* ]]
    is "$(umiak images | grep -c '<none>' || true)" 0 "also when they were named"
    is "$(steps | wc -l)" 2 "each once"
    run_umiak system check
    run_umiak tag "$second" mine
    run_umiak images --format '{{.Repository}}'
    [[ $output == *localhost/mine* ]]
}

@test "rmi takes along the steps that led nowhere else, with their layers" {
    three; build -t three; second=$(told 2)
    printf 'RUN echo other >/other\n' >>"$CTX/Containerfile"; build -t other
    [[ $output == *"--> Using cache $second"* ]]
    before=$(steps | wc -l)
    run_umiak rmi other
    is "$(grep -c '^Deleted: ' <<<"$output")" 1 "three is the step below"
    is "$(steps | wc -l)" "$before" "what three was made from"
    three; run_umiak rmi --no-prune three
    is "$(steps | wc -l)" 2 "--no-prune leaves them"
    build -t three
    [[ $output == *"--> Using cache $second"* ]]
    run_umiak rmi three
    is "$(grep -c '^Deleted: ' <<<"$output")" 3 "result and both steps"
    is "$(steps)" "" "none left"
    build -t three
    [[ $output != *"Using cache"* ]]
    first=$(told 1)
    run_umiak create --name user --network none "$first" true
    run_umiak rmi three
    is "$(steps | cut -c 1-12)" "$first" "a container keeps what it is made of"
    run_umiak rm user
    run_umiak image prune -f
    is "$(steps)" "" "it was left for that only"
}

@test "prune: steps of stages that are no part of an image; builder prune leaves what images were made from" {
    three; printf 'FROM %s\nCOPY --from=0 /two /\nRUN true\n' "$IMAGE" >>"$CTX/Containerfile"
    build -t staged
    is "$(steps | wc -l)" 4 "three of the stage, one on the way to the result"
    run_umiak builder prune -f
    is "$(steps | wc -l)" 1 "those of the stage lead nowhere"
    run_umiak rmi staged
    is "$(steps)" "" "nothing"
    build -t staged
    run_umiak image prune -f
    is "$(wc -l <<<"$output")" 3 "their ids"
    is "$(steps | wc -l)" 1 "as builder prune"
    three 2; build -t staged
    is "$(umiak images -q --filter dangling=true | wc -l)" 1 "the result that lost its name"
    run_umiak image prune -f
    is "$(steps | wc -l)" 2 "it went with its steps"
    run_umiak builder prune -af
    is "$(steps)" "" "all of them"
    run_umiak run --rm --network none staged cat /one /two
    is "$output" $'one\ntwo' "the image stays whole"
}

@test "one layer for all: no images of steps; --layer-label is on them and not on the result" {
    three
    build --layers=false -t flat
    is "$(steps)" "" "--layers=false"
    build --squash -t other
    is "$(steps)" "" "--squash"
    build --layer-label on=theway -t three; first=$(told 1)
    run_umiak image inspect --format '{{index .Config.Labels "on"}}' "$first"
    is "$output" theway "the step"
    run_umiak image inspect --format '{{index .Config.Labels "on"}}' three
    is "$output" "" "the result"
}

@test "a cache of the version without images of steps is taken over: its steps are used" {
    three; build -t three
    cache=$(find "$UMIAK_WORK" -name cache.db)
    python3 - "$cache" <<'P'
import sqlite3, sys
cache = sqlite3.connect(sys.argv[1], isolation_level=None)
cache.executescript("DROP TABLE images; PRAGMA user_version = 1")
P
    ! rootless || chown -R "$UMIAK_TEST_USER": "$(dirname "$cache")"
    build -t three
    is "$(grep -c 'Using cache' <<<"$output")" 3 "$output"
    is "$(steps | wc -l)" 2 "which makes images of them"
    echo 'RUN echo three >/three' >>"$CTX/Containerfile"
    build -t three
    is "$(umiak run --rm --network none three cat /one /two /three | tr '\n' ' ')" "one two three " "the result"
    run_umiak system check
}

@test "a name that is also the beginning of several ids is the name" {
    for i in $(seq 17); do echo "FROM $IMAGE"$'\n'"LABEL n=$i" | umiak build -q --layers=false --network none - >/dev/null; done
    digit=$(umiak images -q --no-trunc | sed 's/^sha256://' | cut -c1 | sort | uniq -d | head -n 1)   # 17 ids, 16 digits
    run_umiak 125 image inspect "$digit"
    like "$output" "image ID prefix is ambiguous" "no such name yet"
    umiak tag "$IMAGE" "$digit"
    is "$(umiak image inspect --format '{{.Id}}' "$digit")" "$(umiak image inspect --format '{{.Id}}' "$IMAGE")" "the name"
    umiak rmi "$digit" >/dev/null
}
