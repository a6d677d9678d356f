#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 075-build.bats - a Containerfile becomes an image: steps, cache, stages, results.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }

setup() {
    context_make
}
teardown() { rm -rf "$CTX"; }

# file NAME: standard input becomes a file of the context, readable to the test user
layers() { umiak image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' "$1"; }

@test "instructions become files, layers and configuration" {
    echo hello | file a.txt
    file Containerfile <<END
FROM $IMAGE
ENV A=1 B="two words"
RUN echo run > /run.txt && test "\$B" = "two words"
WORKDIR /work/dir
COPY a.txt b.txt
USER 5:6
CMD ["cat", "b.txt"]
END
    build -t built
    [[ $output == *"STEP 1/7: FROM $IMAGE"* ]]
    [[ $output == *"STEP 7/7: CMD"*"COMMIT built"*"Successfully tagged localhost/built:latest"* ]]
    [[ ${lines[-1]} =~ ^[0-9a-f]{64}$ ]]
    run_umiak run --rm --network none built
    is "$output" hello "CMD in WORKDIR"
    run_umiak run --rm --network none built sh -c 'cat /run.txt; id -u; id -g; pwd'
    is "$output" "run
5
6
/work/dir" "what the steps made"
}

@test "the same build comes from the cache and is the same image; contents count, times do not" {
    echo one | file data
    printf 'FROM %s\nRUN echo x > /x\nCOPY data /d\nRUN cat /d > /e\n' "$IMAGE" | file Containerfile
    build -t kone; first=${lines[-1]}
    [[ $output != *"Using cache"* ]]
    touch -d 2001-01-01 "$CTX/data"
    build -t kone
    is "${lines[-1]}" "$first" "id of the cached build"
    is "$(grep -c 'Using cache' <<<"$output")" 3 "steps from the cache"
    echo two | file data
    build -t ktwo
    is "$(grep -c 'Using cache' <<<"$output")" 1 "steps from the cache after a change"
    run_umiak run --rm --network none ktwo cat /e
    is "$output" two "changed contents"
    chmod 600 "$CTX/data"; [ -z "${UMIAK_ROOTLESS:-}" ] || chown "$UMIAK_TEST_USER": "$CTX/data"
    build -t kthree
    is "$(grep -c 'Using cache' <<<"$output")" 1 "a mode counts"
    build --no-cache -t kthree
    [[ $output != *"Using cache"* ]]
}

@test "stages run beside each other, unused ones not at all" {
    file Containerfile <<END
FROM $IMAGE AS a
RUN sleep 2; echo a > /a
FROM $IMAGE AS b
RUN sleep 2; echo b > /b
FROM $IMAGE AS broken
RUN false
FROM $IMAGE
RUN sleep 2
COPY --from=a /a /
COPY --from=1 /b /
RUN cat /a /b
END
    start=$(date +%s%N)
    build -t par
    took=$((($(date +%s%N) - start) / 1000000))
    [[ $output == *$'\na\nb\n'* ]]
    echo "took $took ms"
    [ "$took" -lt 5500 ]
    # in the order of the file, whoever was first
    [[ $output == *"[1/4] STEP 2/2"*"[2/4] STEP 2/2"*"[4/4] STEP 2/5"* ]]
    build --target b -t onlyb
    [[ $output != *"STEP 5"* ]]
}

@test "a failing step ends the build with its exit code and is named" {
    printf 'FROM %s\nRUN echo before > /x\nRUN exit 9\n' "$IMAGE" | file Containerfile
    run_umiak 9 build --network none "$CTX"
    [[ $output == *'Error: building at STEP "RUN exit 9": while running runtime: exit status 9'* ]]
    # what was done before it is kept
    run_umiak 9 build --network none "$CTX"
    is "$(grep -c 'Using cache' <<<"$output")" 1 "the step before the failure"
    printf 'FROM %s\nCOPY missing /\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *'building at STEP "COPY missing /"'*'"/missing": no such file or directory'* ]]
    printf 'FROM %s\nCOPY http://127.0.0.1:1/x /\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *"source can't be a URL for COPY"* ]]
}

@test "a build that is killed leaves nothing and the next one goes on from the cache" {
    printf 'FROM %s\nRUN echo first > /1\nRUN sleep 0.7\nRUN sleep 31415\n' "$IMAGE" | file Containerfile
    umiak build --network none "$CTX" >"$CTX.log" 2>&1 &
    shell=$!
    for _ in $(seq 100); do grep -q 'STEP 4/4' "$CTX.log" && break; sleep 0.1; done
    sleep 0.5
    pid=$(pgrep -o -f "umiak.* build --network none $CTX")
    kill -9 "$pid"; wait "$shell" || true
    for _ in $(seq 50); do pgrep -f 'sleep 31415' >/dev/null || break; sleep 0.1; done
    run pgrep -f 'sleep 31415'
    is "$output" "" "processes of the step"
    umiak images -q >/dev/null   # sweeps
    root=$UMIAK_WORK/root; [ -z "${UMIAK_ROOTLESS:-}" ] || root=$UMIAK_WORK/home/.local/share/umiak
    is "$(ls "$root/staging")" "" "staging directory"
    rm -f "$CTX.log"
    printf 'FROM %s\nRUN echo first > /1\nRUN sleep 0.7\nRUN true\n' "$IMAGE" | file Containerfile
    build -t resumed
    is "$(grep -c 'Using cache' <<<"$output")" 2 "steps from the cache"
}

@test "two builds with --timestamp are the same bytes" {
    echo x | file f
    printf 'FROM %s\nRUN mkdir /d && date > /dev/null && echo y > /d/y\nCOPY f /f\nLABEL a=b\n' "$IMAGE" | file Containerfile
    build --timestamp 1700000000 --no-cache -t t1; one=${lines[-1]}
    sleep 1.1; touch "$CTX/f"
    build --timestamp 1700000000 --no-cache -t t2
    is "${lines[-1]}" "$one" "image id"
    run_umiak run --rm --network none t1 stat -c %Y /f /d/y
    is "$output" "1700000000
1700000000" "times of files"
    build --source-date-epoch 1600000000 --no-cache -t t3
    is "$(umiak image inspect --format '{{.Created.Unix}}' t3)" 1600000000 "creation time"
}

@test "squash, squash-all and --layers=false make one layer" {
    printf 'FROM %s\nRUN echo 1 > /1; mkdir /gone; touch /gone/x\nRUN rm -r /gone; rm /etc/passwd\nRUN mkdir /gone; echo 2 > /2\n' "$IMAGE" |
        file Containerfile
    base=$(layers "$IMAGE" | wc -w)
    build --squash -t s1
    is "$(layers s1 | wc -w)" $((base + 1)) "layers with --squash"
    build --squash-all -t s2
    is "$(layers s2 | wc -w)" 1 "layers with --squash-all"
    build --layers=false -t s3
    is "$(layers s3 | wc -w)" $((base + 1)) "layers with --layers=false"
    for i in s1 s2 s3; do
        run_umiak run --rm --network none "$i" sh -c 'cat /1 /2; ls /gone; ls /etc/passwd'  || true
        run umiak run --rm --network none "$i" sh -c 'cat /1 /2; ls -A /gone; test ! -e /etc/passwd && echo removed'
        is "$output" "1
2
removed" "contents of $i"
    done
    run_umiak 125 build --squash --squash-all "$CTX"
    is "$output" "Error: cannot specify --squash-all with --squash" "both at once"
}

@test "results: directory, tar, archive, iidfile" {
    printf 'FROM scratch\nCOPY Containerfile /dir/file\n' | file Containerfile
    out=$(mktemp -d "$UMIAK_WORK/tmp/out.XXXXXX"); chmod 777 "$out"
    build -o "type=local,dest=$out/tree"
    cmp "$CTX/Containerfile" "$out/tree/dir/file"
    umiak build -q --network none -o type=tar,dest=- "$CTX" | tar -tf - | grep -qx dir/file
    build -t arch -o "type=oci,dest=$out/a.tar" --iidfile "$out/id"
    tar -tf "$out/a.tar" | grep -q index.json
    is "$(cat "$out/id")" "sha256:$(umiak images -q --no-trunc arch | sed 's/sha256://')" "iidfile"
    rm -rf "$out"
}

@test "HEALTHCHECK, SHELL and ONBUILD" {
    file Containerfile <<END
FROM $IMAGE
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=3s CMD true
ONBUILD RUN echo triggered > /trigger
ONBUILD ENV T=1
END
    build -t parent
    is "$(umiak image inspect --format '{{.HealthCheck.Test}}' parent)" "[CMD-SHELL true]" "health check in an OCI image"
    printf 'FROM parent\nRUN test "$T" = 1 && cat /trigger\n' | file Containerfile
    build -t child
    [[ $output == *"STEP 2/4: RUN echo triggered"*$'\ntriggered\n'* ]]
    umiak image inspect child | grep -q '"-ec"'
}

@test "heredocs and build arguments" {
    file Containerfile <<'END'
ARG BASE
FROM $BASE
ARG NAME=world
COPY <<EOF /greeting
hello $NAME
EOF
RUN <<EOF
cat /greeting
echo second
EOF
RUN echo "arg is $NAME"
END
    build --build-arg BASE="$IMAGE" --build-arg NAME=umiak -t args
    [[ $output == *$'hello umiak\nsecond\n'*"arg is umiak"* ]]
    # another value is another result
    build --build-arg BASE="$IMAGE" -t args
    [[ $output == *"arg is world"* ]]
}

@test "mounts of RUN: bind, cache, tmpfs" {
    echo fromctx | file f
    file Containerfile <<END
FROM $IMAGE AS s
RUN mkdir /sdata && echo fromstage > /sdata/x
FROM $IMAGE
RUN --mount=type=bind,source=f,target=/f --mount=type=bind,from=s,source=/sdata,target=/sdata,rw cat /f /sdata/x; echo more >> /sdata/x
RUN --mount=type=cache,target=/c echo kept >> /c/file; test ! -e /sdata/x
RUN --mount=type=cache,target=/c cat /c/file; touch /after
RUN --mount=type=tmpfs,target=/t touch /t/x; ls -d /t
END
    build -t mounts
    [[ $output == *$'fromctx\nfromstage\n'*$'\nkept\n'* ]]
    run_umiak run --rm --network none mounts sh -c 'ls -d /c/file /sdata/x /t/x /f 2>/dev/null; ls -d /after'
    is "$output" /after "nothing of the mounts is in the image"
}

@test "secrets are there for their step and nowhere else" {
    echo s3cret-in-file | file secret.txt
    file Containerfile <<END
FROM $IMAGE
RUN --mount=type=secret,id=one cat /run/secrets/one; cp /run/secrets/one /dev/null
RUN --mount=type=secret,id=two,env=TWO echo "two is \$TWO"
RUN ls -A /run/secrets 2>/dev/null; env | grep -c s3c''ret || true
END
    SECRET=s3cret-in-env build --secret "id=one,src=$CTX/secret.txt" --secret id=two,env=SECRET -t secrets
    [[ $output == *"s3cret-in-file"*"two is s3cret-in-env"* ]]
    umiak save -q -o "$UMIAK_WORK/tmp/secrets.tar" secrets
    mkdir "$UMIAK_WORK/tmp/x"; tar -C "$UMIAK_WORK/tmp/x" -xf "$UMIAK_WORK/tmp/secrets.tar"
    # the control: other text of the image is found this way
    grep -rq 'two is' "$UMIAK_WORK/tmp/x"
    run grep -rc s3cret "$UMIAK_WORK/tmp/x"
    [[ $output != *:[1-9]* ]]
    rm -rf "$UMIAK_WORK/tmp/x" "$UMIAK_WORK/tmp/secrets.tar"
    printf 'FROM %s\nRUN --mount=type=secret,id=none,required=true true\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *'no secret with id "none" found'* ]]
}
