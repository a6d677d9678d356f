#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 323-build-more.bats - what a step sees, what the linter knows of bases, COPY --link, COPYs side by side.
load helpers
load ../lib/buildah

setup_file() {
    umiak_setup_file
    buildah_setup
}
teardown_file() { umiak_teardown_file; }

context() { mkdir -p "$UMIAK_WORK/tmp/$1"; cat >"$UMIAK_WORK/tmp/$1/Containerfile"; chmod -R a+rX "$UMIAK_WORK/tmp"; cd "$UMIAK_WORK/tmp"; }

@test "RUN has the image's environment and no more; the linter compares platforms" {
    context env <<X
FROM $IMAGE
ENV A=1
RUN env | grep -v -e ^PWD= -e ^HOME= -e ^HOSTNAME= -e ^SHLVL= -e ^PATH= -e ^TERM= -e ^IMAGE_VAR= | sort | tr '\n' ' '; echo end
X
    run_umiak build --network none --no-cache env
    [[ $output == *$'\nA=1 end\n'* ]]
    run umiak build --check --platform linux/s390x env
    is "$status" 125 "another platform: $output"
    [[ $output == *"InvalidBaseImagePlatform"*", expected \"linux/s390x\" for current build"* ]]
    run_umiak build --check env
}

@test "COPY --link does not depend on what is below it" {
    mkdir -p "$UMIAK_WORK/tmp/link"; echo one >"$UMIAK_WORK/tmp/link/f"
    context link <<X
ARG V=1
FROM $IMAGE
ARG V
RUN echo \$V >/v; ln -s /elsewhere /place; mkdir /elsewhere
COPY --link f /place/f
COPY --link --chown=12:34 f /owned/
COPY --link --chown=root f /named
FROM scratch AS none
X
    run_umiak build --network none --target 0 -t link link
    run_umiak build --network none --target 0 --build-arg V=2 -t link link
    is "$(grep -c 'Using cache' <<<"$output")" 3 "ARG and the copies with numbers: $output"
    run_umiak run --rm --network none link sh -c 'cat /v /place/f; ls /elsewhere; stat -c %u:%g /owned/f /named; readlink /place || echo directory'
    is "$output" $'2\none\n12:34\n0:0\ndirectory' "what is there"
    echo two >"$UMIAK_WORK/tmp/link/f"
    run_umiak build --network none --target 0 --build-arg V=2 -t link link
    is "$(umiak run --rm --network none link cat /place/f /owned/f /named | sort -u)" two "a change counts"
    run_umiak build --network none --target 0 --layers=false -t link link
    is "$(umiak run --rm --network none link cat /place/f /elsewhere/f)" $'two\ntwo' "one layer: a plain COPY"
}

@test "COPYs side by side come out as one after the other" {
    cd "$UMIAK_WORK/tmp"; mkdir -p side/{a,b,c/sub,d}; cd side
    for d in a b c d; do head -c 300000 /dev/urandom | split -b 1000 -a 3 - $d/file-; echo $d >$d/same; done
    chmod 700 d; ln -s /target c/link; cd ..
    context side <<X
FROM $IMAGE
COPY a /x/
COPY b /x/
COPY c /y
COPY a /y/sub/
COPY b/same /y/link/
COPY a/same b/same /z/
COPY d /dd
ENV E=1
COPY a/same /dd/more
COPY --chmod=0711 b /x/b
COPY a/same /y/same
COPY --parents c/sub /z
COPY a/same /new
COPY b/same /new
X
    for how in --layers --layers=false; do
        run_umiak build --network none --no-cache $how -t side side
        run_umiak run --rm --network none side sh -c 'for d in x y z dd new target; do find /$d ! -type d -exec md5sum {} +; find /$d -exec stat -c "%n %a %u:%g %F" {} +; done 2>&1 | sort'
        echo "$output" >"$BATS_TEST_TMPDIR/$how"
    done
    diff "$BATS_TEST_TMPDIR/--layers=false" "$BATS_TEST_TMPDIR/--layers"
    is "$(umiak run --rm --network none side cat /new /x/same /y/same /target/same /dd/more)" $'b\nb\na\nb\na' "order counts"
    run_umiak build --network none -t side side
    run_umiak build --network none -t side side
    is "$(grep -c 'Using cache' <<<"$output")" 14 "all is kept: $output"
    for bad in 'COPY a/missing /m' 'COPY --from=nothere /x /m'; do
        { sed 3q side/Containerfile; echo "$bad"; echo 'COPY c /y'; } >side/bad
        run umiak build --network none --no-cache -f side/bad side
        [ "$status" -ne 0 ]; [[ $output == *"${bad##*=}"* || $output == *missing* ]]
    done
}
