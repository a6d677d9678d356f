#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: where a context comes from, and what a hostile one must not reach (security-matrix I8-I10, I13).

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CTX=$UMIAK_WORK/tmp/ctx-$BATS_TEST_NUMBER
    mkdir -p "$CTX"
    echo canary >"$UMIAK_WORK/tmp/canary"
    unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
}
teardown() {
    umiak_teardown   # ends the servers, too
}

cf() { printf '%s\n' "$@" >"$CTX/Containerfile"; }
in_made() { run_umiak run --rm --network=none localhost/made "$@"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_port() { local i; for i in $(seq 100); do netns_exec bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null && return; sleep 0.05; done; return 1; }

# A repository in $CTX/repo, served at git://127.0.0.1:$PORT/repo
serve_git() {
    export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    git -C "$CTX/repo" -c init.defaultBranch=main init -q
    git -C "$CTX/repo" add -A
    git -C "$CTX/repo" commit -q -m one
    PORT=$(free_port)
    netns_exec git daemon --reuseaddr --listen=127.0.0.1 --port="$PORT" --base-path="$CTX" --export-all "$CTX" >/dev/null 2>&1 3>&- &
    unset GIT_CONFIG_GLOBAL
    wait_port "$PORT"
}

serve_http() {
    PORT=$(free_port)
    (cd "$CTX" && netns_exec python3 -m http.server --bind 127.0.0.1 "$PORT") >/dev/null 2>&1 3>&- &
    wait_port "$PORT"
}

@test "context: standard input is a Containerfile or an archive" {
    run_umiak build -q -t localhost/made - <<<"$(printf 'FROM %s\nRUN echo in >/in' "$IMAGE")"
    in_made cat /in
    is "$output" in "a Containerfile on standard input"
    cf "FROM $IMAGE" 'COPY f /f'
    echo file >"$CTX/f"
    tar -C "$CTX" -czf "$UMIAK_WORK/tmp/a.tgz" .
    run_umiak build -q -t localhost/made - <"$UMIAK_WORK/tmp/a.tgz"
    in_made cat /f
    is "$output" file "an archive on standard input"
    run_umiak build -q -t localhost/made "$UMIAK_WORK/tmp/a.tgz"
    run_umiak build -q -t localhost/made -f - "$CTX" <<<"$(printf 'FROM %s\nCOPY f /g' "$IMAGE")"
    in_made cat /g
    is "$output" file "-f - with a directory"
}

@test "context: URLs of an archive and of a Containerfile; ADD of URLs" {
    cf "FROM $IMAGE" 'COPY f /f'
    echo file >"$CTX/f"
    tar -C "$CTX" -czf "$UMIAK_WORK/tmp/a.tgz" . && mv "$UMIAK_WORK/tmp/a.tgz" "$CTX/"
    touch -d @1500000000 "$CTX/f"
    serve_http
    run_umiak build -q -t localhost/made "http://127.0.0.1:$PORT/a.tgz"
    in_made cat /f
    is "$output" file "the archive's file"
    printf 'FROM %s\nADD http://127.0.0.1:%s/f http://127.0.0.1:%s/a.tgz /d/\nADD --unpack=true http://127.0.0.1:%s/a.tgz /e/\n' "$IMAGE" "$PORT" "$PORT" "$PORT" >"$CTX/Add"
    run_umiak build -q -t localhost/made "http://127.0.0.1:$PORT/Add"
    in_made sh -c 'cat /d/f; stat -c "%a %Y" /d/f; ls /d /e'
    is "$output" "$(printf '%s\n' file '600 1500000000' /d: a.tgz f '' /e: Containerfile f)" "files of ADD"
    cf "FROM $IMAGE" "ADD --checksum=sha256:$(sha256sum <"$CTX/f" | cut -d' ' -f1) http://127.0.0.1:$PORT/f /f"
    run_umiak build -q "$CTX"
    cf "FROM $IMAGE" "ADD --checksum=sha256:$(sha256sum </dev/null | cut -d' ' -f1) http://127.0.0.1:$PORT/f /f"
    run_umiak 125 build -q "$CTX"
    like "$output" 'unexpected response digest for "http' "a wrong checksum"
    run_umiak 125 build -q "http://127.0.0.1:$PORT/none"
    like "$output" '404' "no such file"
}

@test "context: git repositories, references, subdirectories; ADD of git" {
    mkdir -p "$CTX/repo/sub"
    printf 'FROM %s\nCOPY . /ctx\n' "$IMAGE" | tee "$CTX/repo/Containerfile" >"$CTX/repo/sub/Containerfile"
    echo one >"$CTX/repo/f" && echo sub >"$CTX/repo/sub/f"
    serve_git
    git -C "$CTX/repo" tag first
    echo two >"$CTX/repo/f"
    GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b git -C "$CTX/repo" commit -qam two
    local url=git://127.0.0.1:$PORT/repo commit
    commit=$(git -C "$CTX/repo" rev-parse first)
    run_umiak build -q -t localhost/made "$url"
    in_made sh -c 'cat /ctx/f; ls -A /ctx'
    is "$output" $'two\nContainerfile\nf\nsub' "the branch's head, without .git"
    run_umiak build -q -t localhost/made "$url#first:sub"
    in_made cat /ctx/f
    is "$output" sub "a subdirectory"
    run_umiak build -q -t localhost/made "$url#$commit"
    in_made cat /ctx/f
    is "$output" one "a commit"
    run_umiak build -q -t localhost/made "$url?ref=first&subdir=sub&commit=${commit:0:12}"
    in_made cat /ctx/f
    is "$output" sub "the query form"
    run_umiak 125 build -q "$url?commit=0123456789ab"
    like "$output" 'expected checksum to match 0123456789ab|git:' "another commit"
    cf "FROM $IMAGE" "ADD $url#first:sub /a/" "ADD --keep-git-dir=true $url#first /b/"
    run_umiak build -q -t localhost/made "$CTX"
    in_made sh -c 'cat /a/f /b/f; ls -d /b/.git'
    is "$output" $'sub\none\n/b/.git' "ADD of a repository"
}

@test "I8: a hostile repository or archive does not lead out of the context" {
    mkdir -p "$CTX/repo/real" "$CTX/arch"
    ln -s / "$CTX/repo/rootlink"
    ln -s "$UMIAK_WORK/tmp/canary" "$CTX/repo/link"
    ln -s ../../../../../../../../../../.."$UMIAK_WORK/tmp/canary" "$CTX/repo/real/up"
    printf 'FROM %s\nCOPY link real/up /d/\n' "$IMAGE" | tee "$CTX/repo/Containerfile" >"$CTX/repo/real/Containerfile"
    printf '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch%% %s/tmp/pwned\n' "$UMIAK_WORK" >"$CTX/repo/.gitmodules"
    cp -a "$CTX/repo/." "$CTX/arch"
    serve_git
    local url=git://127.0.0.1:$PORT/repo bad
    for bad in "#main:../.." "#main:real/../.." "#main:rootlink" "#:rootlink$UMIAK_WORK/tmp" "?subdir=%2e%2e" "#:.git"; do
        run_umiak 125 build -q "$url$bad"
    done
    run_umiak 125 build -q "$url"     # COPY of the links: nothing of that name inside
    ! grep -q canary <<<"$output"
    tar -C "$CTX/arch" -cf "$CTX/a.tar" .
    chmod a+r "$CTX/a.tar"
    run_umiak 125 build -q "$CTX/a.tar"
    [ ! -e "$UMIAK_WORK/tmp/pwned" ]
    # control: the same repository builds when it stays inside
    rm "$CTX/repo/link" "$CTX/repo/real/up" && echo inside >"$CTX/repo/link" && echo inside >"$CTX/repo/real/up"
    GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b git -C "$CTX/repo" commit -qam two
    run_umiak build -q -t localhost/made "$url#main"
    in_made cat /d/link
    is "$output" inside "a file of the repository"
}

@test "I9: nothing of an address becomes an option or a program of git" {
    mkdir -p "$CTX/repo"
    printf 'FROM %s\n' "$IMAGE" >"$CTX/repo/Containerfile"
    serve_git
    mkdir -p "$CTX/hooks"
    printf '#!/bin/sh\ntouch %s/tmp/pwned\n' "$UMIAK_WORK" | tee "$CTX/hooks/post-checkout" >"$CTX/evil"
    chmod 755 "$CTX/hooks/post-checkout" "$CTX/evil"
    local url=git://127.0.0.1:$PORT/repo bad
    for bad in "$url#--upload-pack=$CTX/evil" "$url?ref=--upload-pack=$CTX/evil" "ssh://-oProxyCommand=$CTX/evil/x" "ext::$CTX/evil" \
        "file://$CTX/repo" "git://-x/y" "$url#a@{1}" "git+ssh://h/x"; do
        run_umiak 125 build -q "$bad"
    done
    # the caller's GIT_* does not count
    export GIT_DIR=$CTX/nowhere GIT_SSH_COMMAND=$CTX/evil GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=$CTX/hooks
    run_umiak build -q "$url"     # control: this one is fine
    unset GIT_DIR GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
    [ ! -e "$UMIAK_WORK/tmp/pwned" ]
}

@test "I10: links to files of the host are not read as Containerfile or ignore file" {
    printf 'FROM %s\n' "$IMAGE" >"$UMIAK_WORK/tmp/outside"
    ln -s ../outside "$CTX/Containerfile"
    run_umiak 125 build -q "$CTX"
    like "$output" 'leads out of the context' "a link to a file outside"
    rm "$CTX/Containerfile"
    cf "FROM $IMAGE" 'COPY . /ctx'
    ln -s "$UMIAK_WORK/tmp/canary" "$CTX/.containerignore"
    run_umiak 125 build -q "$CTX"
    like "$output" 'leads out of the context' "a link to an ignore file outside"
    rm "$CTX/.containerignore"
    printf 'FROM %s\n' "$IMAGE" >"$CTX/real"
    ln -sf real "$CTX/Containerfile"
    run_umiak build -q "$CTX"      # control: inside it is followed
    ln -s "$UMIAK_WORK/tmp/canary" "$CTX/link"
    cf "FROM $IMAGE" 'COPY link /l'
    rm -f "$CTX/Containerfile" && printf 'FROM %s\nCOPY link /l\n' "$IMAGE" >"$CTX/Containerfile"
    run_umiak 125 build -q "$CTX"
    ! grep -q '^canary' <<<"$output"
}

@test "context: named contexts: directories, archives, images" {
    mkdir -p "$CTX/one" "$CTX/two"
    echo one >"$CTX/one/f"; echo two >"$CTX/two/f"
    tar -C "$CTX/two" -cf "$CTX/two.tar" f
    cf "FROM base" 'COPY --from=one f /one' 'COPY --from=two f /two' 'RUN --mount=from=one,target=/m cat /m/f >/three' 'COPY --from=img /etc/motd /motd'
    chmod -R a+rX "$CTX"
    run_umiak build -q -t localhost/made --build-context one="$CTX/one" --build-context two="$CTX/two.tar" \
        --build-context base=container-image://"$IMAGE" --build-context img=docker-image://"$IMAGE" "$CTX"
    in_made cat /one /two /three /motd
    is "$output" $'one\ntwo\none\numiak test image' "files of the named contexts"
    echo f >"$CTX/one/.containerignore"
    run_umiak 125 build -q --build-context one="$CTX/one" - <<<"$(printf 'FROM %s\nCOPY --from=one f /one\n' "$IMAGE")"
    like "$output" 'filtered out using /.*/one/.containerignore' "its own ignore file"
}

@test "context: nothing of it is left behind" {
    cf "FROM $IMAGE" 'COPY f /f'
    echo file >"$CTX/f"
    tar -C "$CTX" -cf "$UMIAK_WORK/tmp/a.tar" .
    chmod a+r "$UMIAK_WORK/tmp/a.tar"
    run_umiak build -q "$UMIAK_WORK/tmp/a.tar"
    local root=$UMIAK_WORK/root
    [ -d "$root" ] || root=$UMIAK_WORK/home/.local/share/containers/storage
    local left
    left=$(find "$root" -path '*staging*' -name 'context-*' 2>/dev/null || true)
    is "$left" "" "scratch directories"
}
