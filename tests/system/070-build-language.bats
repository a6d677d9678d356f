#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: the language of Containerfiles: words, variables, heredocs, stages, ignore files, the linter.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CTX=$UMIAK_WORK/tmp/ctx-$BATS_TEST_NUMBER
    mkdir -p "$CTX"
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
}
teardown() { umiak_teardown; }

# cf LINES...: the Containerfile
cf() { printf '%s\n' "$@" >"$CTX/Containerfile"; }
# build [ARGS...]: builds the context quietly
build() { chmod -R a+rX "$CTX"; run_umiak build -q --network=none -t localhost/made "$@" "$CTX"; }
# in_made COMMAND...: output of a command in the image
in_made() { run_umiak run --rm --network=none localhost/made "$@"; }

@test "build: heredocs of RUN and COPY" {
    cf "FROM $IMAGE" 'RUN <<EOF' 'echo one >/a' 'echo $((1+1)) >>/a' 'EOF' \
        'RUN <<-"EOF" cat >/b' '	tab $HOME' '	EOF' \
        'RUN <<script' '#!/bin/sh' 'echo "$0" >/c' 'script' \
        'ENV V=value' 'COPY <<x <<"y" /d/' '$V "q"' 'x' '$V' 'y' 'COPY --chmod=0751 <<x /e' 'text' 'x'
    build
    in_made sh -c 'cat /a /b; cat /d/x /d/y; stat -c %a /e; cat /e'
    is "$output" $'one\n2\ntab $HOME\nvalue "q"\n$V\n751\ntext' "files made by heredocs"
}

@test "build: variables: defaults, patterns, quotes, scopes" {
    cf 'ARG BASE=none' 'ARG GLOBAL=g' "FROM \${BASE:-x}" 'ARG GLOBAL' 'ARG A=archive.tar.gz' 'ARG UNSET' \
        'ENV B=${A%.*} C="${A##*.} $GLOBAL" D=${UNSET:-default} E=${A:+set}' "ENV F='\$A' G=\\\$A H=\${A/archive/x}" \
        'ENV B=new I=$B' 'WORKDIR /w/$B/"x y"' 'RUN env | grep -E "^[A-I]=" | sort >env; echo $A $TARGETARCH >>env'
    build --build-arg BASE="$IMAGE" --build-arg NOT=used
    in_made sh -c 'cat "/w/new/x y/env"; pwd'
    is "$output" "$(printf '%s\n' A=archive.tar.gz B=new "C=gz g" D=default E=set 'F=$A' 'G=$A' H=x.tar.gz I=archive.tar \
        'archive.tar.gz' '/w/new/x y')" "environment of the step"
    in_made env
    ! grep -q '^A=' <<<"$output"   # an ARG is not in the image
    cf "FROM $IMAGE" 'ARG MISSING' 'ARG HERE=1'
    run_umiak build --build-arg NOT=used "$CTX"
    like "$output" 'missing \\"MISSING\\" build argument' "an ARG without a value"
    like "$output" 'build args were not consumed: \[NOT\]' "a --build-arg without an ARG"
    ! grep -q 'missing "HERE"' <<<"$output"
}

@test "build: an error names file, line and the line itself" {
    local case text want
    for case in 'FROM x|RNU echo|Containerfile:2: unknown instruction: RNU .did you mean RUN.*: "RNU echo"' \
        'FROM x||COPY one|Containerfile:3: COPY requires at least two arguments' \
        'FROM x|RUN --mount=type=volume,target=/x true|Containerfile:2: .*unsupported mount type "volume"' \
        'FROM x|RUN <<EOF|echo|Containerfile:2: unterminated heredoc' \
        'RUN x|Containerfile:1: no build stage in current context' \
        'FROM scratch|ENV A="${B:?must be given}"|Containerfile:2: B: must be given' \
        'FROM $NONE|Containerfile:1: base name is empty: NONE is not set' \
        'FROM scratch AS a|COPY --from=b x /|FROM scratch AS b|COPY --from=a x /|FROM a|Containerfile:4: circular dependency detected on stage b'; do
        text=${case%|*} want=${case##*|}
        cf "${text//|/$'\n'}"
        chmod -R a+rX "$CTX"
        run_umiak 125 build "$CTX"
        like "$output" "$want" "$text"
    done
}

@test "build: only the stages the target needs are built" {
    cf "FROM $IMAGE AS broken" 'RUN false' "FROM $IMAGE AS base" 'RUN echo base >/base' 'FROM base AS one' 'RUN echo one >/one' \
        'FROM base' 'COPY --from=one /one /two' 'RUN --mount=from=one,target=/m cat /m/one >/three'
    build
    in_made cat /base /two /three
    is "$output" $'base\none\none' "files of the stages"
    build --target=ONE
    in_made cat /one
    run_umiak 125 build --target=none "$CTX"
    like "$output" 'the target "none" was not found' "unknown target"
}

@test "build: ignore files" {
    mkdir -p "$CTX/d/keep" "$CTX/e"
    touch "$CTX/a.o" "$CTX/a.c" "$CTX/d/x" "$CTX/d/keep/y" "$CTX/e/b.o"
    printf '%s\n' '# objects' '**/*.o' 'd' '!d/keep' Containerfile '.*ignore' >"$CTX/.containerignore"
    echo '**' >"$CTX/.dockerignore"
    cf "FROM $IMAGE" 'COPY . /ctx/' 'RUN cd /ctx && find . | sort >/list'
    build
    in_made cat /list
    is "$output" $'.\n./a.c\n./d\n./d/keep\n./d/keep/y\n./e' "what was copied"
    printf 'a.c\n' >"$CTX/other"
    build --ignorefile "$CTX/other"
    in_made sh -c 'ls /ctx; ls -d /ctx/a.c'  || true
    ! grep -qx /ctx/a.c <<<"$output"
    rm "$CTX/.containerignore" "$CTX/.dockerignore"
    cp "$CTX/Containerfile" "$CTX/Containerfile.own"
    printf 'd\n' >"$CTX/Containerfile.own.dockerignore"
    build -f "$CTX/Containerfile.own"
    in_made ls /ctx
    ! grep -qx d <<<"$output"
    cf "FROM $IMAGE" 'COPY --exclude=**/*.o --exclude=d . /ctx/' 'RUN cd /ctx && find . -name "*.o" -o -name d | sort >/list'
    build
    in_made cat /list
    is "$output" "" "--exclude"
}

@test "build --check: the linter's warnings and its directive" {
    cf 'FROM scratch as One' 'ENV a b' 'CMD x'
    chmod -R a+rX "$CTX"
    run_umiak 125 build --check "$CTX"
    local rule
    for rule in StageNameCasing FromAsCasing LegacyKeyValueFormat JSONArgsRecommended; do
        like "$output" "WARNING: $rule" "$rule"
    done
    like "$output" 'Containerfile:2' "the line"
    run_umiak images -q localhost/none
    cf 'FROM scratch AS one' 'COPY a /'
    run_umiak build --check "$CTX"
    like "$output" 'Check complete, no warnings found' "a clean file"
    cf '# check=skip=all' 'FROM scratch as One' 'CMD x'
    run_umiak build --check "$CTX"
    cf '# check=error=true' "FROM $IMAGE as one"
    run_umiak 125 build "$CTX"
    like "$output" 'FromAsCasing' "warnings are errors"
}

@test "build: parser directives, line ends, comments inside of continuations" {
    printf '\xef\xbb\xbf# escape=`\r\nFROM %s\r\n# about\r\nRUN echo one `\r\n  # not this\r\n\r\n  two >/a\r\nRUN echo c:\\x >/b\r\n' "$IMAGE" >"$CTX/Containerfile"
    build
    in_made cat /a
    is "$output" "one two" "a line continued with the escape character of the directive"
    printf '# syntax=example.com/evil:1\nFROM %s\n' "$IMAGE" >"$CTX/Containerfile"
    run_umiak build -t localhost/made "$CTX"
    like "$output" 'the frontend \\"example.com/evil:1\\" is not run' "no remote frontend"
}

@test "build: what the config instructions say is in the image, and survives OCI" {
    cf "FROM $IMAGE" 'LABEL a="b c" d=e' 'EXPOSE 80 8000-8001/udp' 'VOLUME ["/v"]' 'USER user:user' 'WORKDIR sub' 'STOPSIGNAL SIGUSR1' \
        'SHELL ["/bin/ash", "-e", "-c"]' 'HEALTHCHECK --interval=5s --start-interval=1s --retries=2 CMD true' 'ONBUILD RUN true' \
        'MAINTAINER me' 'ENTRYPOINT echo' 'CMD ["x"]'
    build --format oci
    run_umiak inspect -t image localhost/made
    local want
    for want in '"b c"' '"80/tcp"' '"8001/udp"' '"/v"' '"user:user"' '"/root/sub"' 'SIGUSR1' '"/bin/ash"' '5000000000' '"RUN true"' '"me"' ; do
        [[ $output == *"$want"* ]] || { echo "$want is missing in"; echo "$output"; return 1; }
    done
}

@test "build: ONBUILD triggers run in the child" {
    cf "FROM $IMAGE" 'ONBUILD COPY f /f' 'ONBUILD RUN echo done >>/f'
    build -t localhost/parent
    echo text >"$CTX/f"
    cf 'FROM localhost/parent'
    build
    in_made cat /f
    is "$output" $'text\ndone' "what the triggers made"
    run_umiak inspect -t image --format '{{.Config.OnBuild}}' localhost/made
    ! grep -q RUN <<<"$output"
}

@test "build: several -f are one file; Containerfile.in goes through cpp" {
    cf "FROM $IMAGE" 'RUN echo one >/one'
    echo 'RUN echo two >/two' >"$CTX/second"
    build -f "$CTX/Containerfile" -f "$CTX/second"
    in_made cat /one /two
    is "$output" $'one\ntwo' "both files"
    printf '#include "part"\nRUN echo NAME >/name\n' >"$CTX/Containerfile.in"
    printf 'FROM %s\n#define NAME value\n' "$IMAGE" >"$CTX/part"
    build -f "$CTX/Containerfile.in"
    in_made cat /name
    is "$output" value "a macro"
    printf 'FROM %s\n#warning look\n' "$IMAGE" >"$CTX/Containerfile.in"
    run_umiak build -f "$CTX/Containerfile.in" "$CTX"
    like "$output" 'Ignoring .*look' "what cpp says"
}

@test "build: several sources make the destination a directory" {
    echo 1 >"$CTX/a.txt"; echo 2 >"$CTX/b.txt"
    cf "FROM $IMAGE" 'COPY *.txt /d'
    build
    in_made cat /d/a.txt /d/b.txt
    is "$output" $'1\n2' "both files"
    cf "FROM $IMAGE" 'COPY *.txt /etc/motd'
    run_umiak 125 build -q "$CTX"
    like "$output" 'destination /etc/motd already exists but is not a directory' "a file in the way"
}
