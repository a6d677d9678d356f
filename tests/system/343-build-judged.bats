# SPDX-License-Identifier: Apache-2.0
# 343-build-judged.bats - builds as Buildah's own tests expect them: certificates of downloads, replaced bases, what is told.
load helpers
load ../lib/context

setup_file() {
    unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
    umiak_setup_file
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$UMIAK_WORK/key.pem" -out "$UMIAK_WORK/cert.pem" 2>/dev/null
    mkdir "$UMIAK_WORK/certs" "$UMIAK_WORK/served"; cp "$UMIAK_WORK/cert.pem" "$UMIAK_WORK/certs/ca.crt"
    echo served >"$UMIAK_WORK/served/f"; chmod -R a+rX "$UMIAK_WORK/certs"
    cat >"$UMIAK_WORK/serve.py" <<'END'
import functools, http.server, ssl, sys
work = sys.argv[1]
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=work + "/served"))
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(work + "/cert.pem", work + "/key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
open(work + "/port.new", "w").write(str(s.server_port))
import os
os.rename(work + "/port.new", work + "/port")
s.serve_forever()
END
    [ -n "${UMIAK_ROOTLESS:-}" ] && serve=(python3) || serve=(netns_exec python3)
    "${serve[@]}" "$UMIAK_WORK/serve.py" "$UMIAK_WORK" >"$UMIAK_WORK/serve.log" 2>&1 3>&- 4>&- &
    echo $! >"$UMIAK_WORK/serve.pid"
    for _ in $(seq 600); do [ ! -e "$UMIAK_WORK/port" ] || break; sleep 0.1; done
    PORT=$(cat "$UMIAK_WORK/port" || cat "$UMIAK_WORK/serve.log"); export PORT
}
teardown_file() { kill "$(cat "$UMIAK_WORK/serve.pid")" || true; umiak_teardown_file; }
setup() { context_make; }

@test "ADD https: --cert-dir, --tls-verify=false, neither; --retry says how often" {
    printf 'FROM scratch\nADD https://127.0.0.1:%s/f /\n' "$PORT" | file Containerfile
    build -q --cert-dir "$UMIAK_WORK/certs"
    build -q --no-cache --tls-verify=false
    run_umiak 125 build --no-cache --retry 2 --retry-delay 10ms "$CTX"
    [[ $output == *"retrying in 10ms ... (2/2)"*"x509: certificate signed by unknown authority"* ]]
}

@test "a base that --build-context replaces counts for --all-platforms, and is what FROM says" {
    printf 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n' | file Base
    echo x | file f
    build -f "$CTX/Base" -q --platform linux/arm64,linux/s390x --manifest localhost/two
    printf 'FROM nosuch\nCOPY f /g\n' | file Containerfile
    build --all-platforms --build-context nosuch=docker-image://localhost/two --manifest localhost/all
    [[ $output == *"[linux/arm64] STEP 1/2: FROM localhost/two"*"[linux/arm64] COMMIT"* ]]
    [[ $output == *"[linux/s390x] COMMIT"* && $output != *nosuch* ]]
    run_umiak manifest inspect localhost/all
    [[ $output == *arm64*s390x* ]]
}

@test "a build with a time is the same wherever it runs: name of the host in its steps and in Docker's configuration" {
    printf 'FROM %s\nRUN hostname >/h\n' "$IMAGE" | file Containerfile
    build -q --timestamp 60 --format docker -t timed
    run_umiak run --rm --network none timed cat /h
    is "$output" sandbox "in the step"
    run_umiak push -q timed "dir:$UMIAK_WORK/tmp/timed.$BATS_ROOT_PID"
    config=$(jq -r .config.digest "$UMIAK_WORK/tmp/timed.$BATS_ROOT_PID/manifest.json")
    is "$(jq -c '[.config.Hostname, .config.Domainname]' "$UMIAK_WORK/tmp/timed.$BATS_ROOT_PID/${config#sha256:}")" '["sandbox",""]' "in the configuration"
    rm -rf "$UMIAK_WORK/tmp/timed.$BATS_ROOT_PID"
}

@test "--mount of an image for every RUN" {
    printf 'FROM scratch\nCOPY f /data/f\n' | file Base
    echo mounted | file f
    build -q -f "$CTX/Base" -t localhost/data
    printf 'FROM %s\nRUN cat /mnt/f >/g\n' "$IMAGE" | file Containerfile
    build -q --mount type=bind,from=localhost/data,source=/data,target=/mnt -t with
    run_umiak run --rm --network none with cat /g
    is "$output" mounted "the image's file"
}

@test "a build that a shell started with & ends with SIGINT" {
    [ -z "${UMIAK_ROOTLESS:-}" ] || skip "the same code"
    printf 'FROM %s\nRUN echo began; sleep 600\n' "$IMAGE" | file Containerfile
    # & without job control: SIGINT is ignored at first
    "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" build --network none "$CTX" >"$CTX.log" 2>&1 3>&- 4>&- &
    pid=$!
    for _ in $(seq 600); do ! grep -q '^began' "$CTX.log" || break; sleep 0.1; done
    kill -INT "$pid"
    status=0; wait "$pid" || status=$?
    is "$status" 130 "$(cat "$CTX.log")"
}
