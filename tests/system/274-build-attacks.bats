#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 274-build-attacks.bats - security-matrix, class I, what 071 and 076 do not have: every test shows with a control that it
# looks at the right thing.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }

setup() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    OUTSIDE=$(mktemp -d "$UMIAK_WORK/tmp/outside.XXXXXX")
    echo host-secret >"$OUTSIDE/secret"
    chmod -R a+rwX "$CTX" "$OUTSIDE"
    CANARY=$(look "$OUTSIDE")
}
teardown() {
    end_jobs
    rm -rf "$CTX" "$OUTSIDE"
}

look() { (cd "$1" && find . -printf '%p %y %m %s %l\n' | sort && find . -type f -exec sha256sum {} + | sort); }
untouched() { is "$(look "$OUTSIDE")" "$CANARY" "what lies outside"; }

@test "I1: a link as the source of a mount of a stage or image stays inside of it" {
    for from in stage localhost/evil:1; do
        for how in ro rw; do
            file Containerfile <<END
FROM $IMAGE AS stage
RUN mkdir -p /in && echo inside > /in/secret && ln -s $OUTSIDE /link && ln -s /../../../../in /in-link
FROM $IMAGE
RUN --mount=type=bind,from=$from,source=/link,target=/m,$how ls /m
END
            umiak build -q --network none --target stage -t localhost/evil:1 "$CTX" >/dev/null
            run umiak build --network none "$CTX"
            [ "$status" -ne 0 ]
            [[ $output != *host-secret* ]]
            untouched
            # the control: a link that stays inside shows what it leads to; writes are dropped
            sed -i "s|source=/link,.*|source=/in-link,target=/m,$how cat /m/secret; echo x > /m/new \|\| true|" "$CTX/Containerfile"
            build
            [[ $output == *$'\ninside\n'* ]]
        done
    done
    untouched
}

@test "I2, I3: whatever the options of a mount say, no place outside of the cache and the root is touched" {
    long=$(printf 'x%.0s' $(seq 4000))
    file Containerfile <<END
FROM $IMAGE
RUN --mount=type=cache,id=$OUTSIDE,target=/a --mount=type=cache,id=../../../$OUTSIDE,target=/b --mount=type=cache,id=$long,target=/c touch /a/1 /b/1 /c/1
RUN --mount=type=cache,id=$OUTSIDE,target=/a --mount=type=cache,id=../../../$OUTSIDE,target=/b --mount=type=cache,id=$long,target=/c ls /a/1 /b/1 /c/1
END
    build
    [[ $output == *$'/a/1\n/b/1\n/c/1'* ]]
    untouched
    for m in rshared=1 shared suid dev exec=yes Z z U 'ro=maybe' 'rw,readonly' 'target=/n,target=/m' 'mode=9999' 'uid=-1' 'uid=x' \
             'size=1' "source=$OUTSIDE,src=/" 'relabel=shared' '"a' ',' 'from='; do
        printf 'FROM %s\nRUN --mount=type=bind,target=/m,%s cat /m/secret; touch /m/written /n/written\n' "$IMAGE" "$m" | file Containerfile
        run umiak build --network none "$CTX"
        [[ $output != *host-secret* ]]
        [ ! -e "$CTX/written" ]
    done
    untouched
}

@test "I4: a source that is exchanged while stages mount it leads nowhere else" {
    mkdir "$CTX/src"; echo inside >"$CTX/src/f"
    file Containerfile <<END
FROM $IMAGE AS a
RUN --mount=type=cache,id=race,target=/c i=0; while [ \$i -lt 300 ]; do rm -rf /c/s; ln -s $OUTSIDE /c/s; rm /c/s; mkdir -p /c/s; i=\$((i+1)); done
FROM $IMAGE AS b
RUN --mount=type=cache,id=race,target=/c,source=s cat /c/secret; true
FROM $IMAGE AS c
RUN --mount=type=cache,id=race,target=/c,source=s cat /c/secret; true
FROM $IMAGE
COPY --from=a /etc/passwd /1
COPY --from=b /etc/passwd /2
COPY --from=c /etc/passwd /3
END
    for _ in 1 2 3; do
        run umiak build --no-cache --network none --jobs 0 "$CTX"   # a source that is a link just then is an error
        [[ $output != *host-secret* ]]
    done
    untouched
}

@test "I5: taking mount points away again follows no link" {
    file Containerfile <<END
FROM $IMAGE
RUN --mount=type=tmpfs,target=/made/up/point mv /made/up /moved 2>/dev/null; mv /made /moved 2>/dev/null; rm -rf /made 2>/dev/null; ln -s $OUTSIDE /made; ln -s $OUTSIDE /up
RUN readlink /up; ls /made /made/up /moved 2>/dev/null | grep secret; true
END
    build
    [[ $output == *$'\n'"$OUTSIDE"$'\n'* ]]   # the control: the link is in the image
    [[ $output != *$'\nsecret\n'* ]]
    untouched
}

@test "I6, I7, I12: a Containerfile gets no more rights than run gives, whatever it asks for" {
    mine=$(umiak run --rm --network none "$IMAGE" grep -E 'Cap|NoNew|Seccomp:' /proc/self/status)
    printf '# syntax=example.com/evil/frontend:1\nFROM %s\nRUN grep -E "Cap|NoNew|Seccomp:" /proc/self/status\n' "$IMAGE" | file Containerfile
    build
    for line in Seccomp: NoNewPrivs: CapInh: CapAmb: CapBnd:; do
        is "$(grep "^$line" <<<"$output")" "$(grep "^$line" <<<"$mine")" "$line"
    done
    is "$(grep CapInh <<<"$output" | tr -d '[:alpha:]:[:space:]0')" "" "inheritable capabilities"
    printf 'FROM %s\nRUN --security=insecure grep -E "Cap|Seccomp:" /proc/self/status\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *"RUN --security=insecure is not allowed: build with --allow security.insecure"* ]]
    build --allow security.insecure   # the control
    [[ $(grep Seccomp: <<<"$output") == *0 ]]
    printf 'FROM %s\nRUN --device=/dev/null:/dev/mine ls -l /dev/mine\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *"RUN --device=/dev/null:/dev/mine is not allowed"* ]]
    build --allow device
    like "$output" '1, +3 .*/dev/mine' "an allowed device"
    printf 'FROM %s\nRUN --network=host ip link\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    [[ $output == *"RUN --network=host is not allowed with --network none"* ]]
}

@test "I11: what RUN writes into the context is dropped, also after a kill" {
    echo data | file d/f; chmod 777 "$CTX/d"
    if rootless && [ "$(id -u)" = 0 ]; then chown -R "$UMIAK_TEST_USER": "$CTX/d"; fi
    printf 'FROM %s\nRUN --mount=type=bind,source=d,target=/m,rw echo x > /m/new && echo y > /m/f && ls /m\n' "$IMAGE" | file Containerfile
    before=$(look "$CTX")
    build
    [[ $output == *"new"* ]]   # the control: it could write
    is "$(look "$CTX")" "$before" "the context"
    mkdir -p "$UMIAK_WORK/tmp/gate"; rm -f "$UMIAK_WORK/tmp/gate/"*; chmod 777 "$UMIAK_WORK/tmp/gate"
    printf 'FROM %s\nRUN --mount=type=bind,source=d,target=/m,rw echo x > /m/new; touch /gate/reached; sleep 1000\n' "$IMAGE" | file Containerfile
    before=$(look "$CTX")
    (exec 3>&- 4>&-; trap '' PIPE; umiak build --network none -v "$UMIAK_WORK/tmp/gate:/gate" "$CTX" >/dev/null 2>&1) &
    for _ in $(seq 400); do [ ! -e "$UMIAK_WORK/tmp/gate/reached" ] || break; sleep 0.05; done
    [ -e "$UMIAK_WORK/tmp/gate/reached" ]
    pid=$(pgrep -f -o "build --network none -v $UMIAK_WORK/tmp/gate:/gate")
    kill -9 "$pid"
    is "$(look "$CTX")" "$before" "the context after a kill"
    for _ in $(seq 400); do pgrep -f "build --network none -v $UMIAK_WORK/tmp/gate:/gate" >/dev/null || break; sleep 0.05; done
    run_umiak load -q -i "$UMIAK_WORK/image.tar"   # the next command sweeps
    run find "$UMIAK_WORK" -path '*/staging/*' -name new
    is "$output" "" "what the killed step wrote"
}

@test "I14, I17: user files, stages and variables that are meant to exhaust are refused or done soon" {
    file Containerfile <<END
FROM $IMAGE
RUN i=0; while [ \$i -lt 5000 ]; do echo "user\$i:x:\$i:\$i:\$i:/:/bin/sh"; i=\$((i+1)); done >> /etc/passwd; head -c 30000000 /dev/zero | tr '\\0' 'x' >> /etc/group
USER nosuchuser
RUN true
END
    run timeout 150 env bash -c "$(declare -f umiak); umiak build --network none '$CTX'"
    [ "$status" -ne 0 ]; [ "$status" -ne 124 ]
    { echo "FROM $IMAGE"; echo 'ARG a0=xxxxxxxxxxxxxxxx'; for i in $(seq 40); do echo "ARG a$i=\${a$((i-1))}\${a$((i-1))}"; done; } | file Containerfile
    run timeout 150 env bash -c "$(declare -f umiak); umiak build --network none '$CTX'"
    [ "$status" = 125 ]
    { for i in $(seq 5000); do echo "FROM scratch AS s$i"; done; } | file Containerfile
    run timeout 150 env bash -c "$(declare -f umiak); umiak build --network none '$CTX'"
    [ "$status" -ne 124 ]
}

@test "I16: a secret is in no file of the store and on no command line" {
    secret=s3cr3t-$RANDOM$RANDOM$RANDOM
    echo "$secret" | file secret.txt
    mkdir -p "$UMIAK_WORK/tmp/gate16"; rm -f "$UMIAK_WORK/tmp/gate16/"*; chmod 777 "$UMIAK_WORK/tmp/gate16"
    printf '*\n' | file .dockerignore
    file Containerfile <<END
FROM $IMAGE
RUN --mount=type=secret,id=one --mount=type=secret,id=two,env=TWO echo marker-$secret-not > /marker; test -n "\$TWO" && cat /run/secrets/one >/dev/null; touch /gate/reached; until [ -e /gate/go ]; do sleep 0.1; done
END
    sed -i "s/marker-$secret-not/marker-in-layer/" "$CTX/Containerfile"
    (exec 3>&- 4>&-; umiak build --network none -v "$UMIAK_WORK/tmp/gate16:/gate" --secret "id=one,src=$CTX/secret.txt" --secret "id=two,src=$CTX/secret.txt" \
        -t secret16 "$CTX" >"$UMIAK_WORK/tmp/out16" 2>&1; echo "rc=$?" >>"$UMIAK_WORK/tmp/out16") &
    for _ in $(seq 400); do [ ! -e "$UMIAK_WORK/tmp/gate16/reached" ] || break; sleep 0.05; done
    [ -e "$UMIAK_WORK/tmp/gate16/reached" ]
    cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' >"$UMIAK_WORK/tmp/lines16" || true
    grep -qF "id=one,src=$CTX/secret.txt" "$UMIAK_WORK/tmp/lines16"   # the control
    run grep -F "$secret" "$UMIAK_WORK/tmp/lines16"
    is "$output" "" "command lines"
    touch "$UMIAK_WORK/tmp/gate16/go"
    for _ in $(seq 400); do ! grep -q '^rc=' "$UMIAK_WORK/tmp/out16" || break; sleep 0.05; done
    grep -q '^rc=0' "$UMIAK_WORK/tmp/out16"
    store=$UMIAK_WORK/root; ! rootless || store=$UMIAK_WORK/home/.local/share
    grep -rqs marker-in-layer "$store"   # the control
    run grep -rlsF "$secret" "$store" "$UMIAK_WORK/run" "$UMIAK_WORK/xdg"
    is "$output" "" "files that hold the secret"
}
