#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 302-build-credentials.bats - G9: credentials in addresses, proxies, secrets and arguments of a build reach the server they
# are for and nothing else: no image, history, label, log, error or command line.
load helpers
load ../lib/context

setup_file() {
    umiak_setup_file
    umiak_on_host_network
    mkdir "$UMIAK_WORK/www"
    echo fetched >"$UMIAK_WORK/www/file"
    git init -q -b main "$UMIAK_WORK/repo"
    printf 'FROM scratch\nCOPY f /f\n' >"$UMIAK_WORK/repo/Containerfile"; echo f >"$UMIAK_WORK/repo/f"
    git -C "$UMIAK_WORK/repo" add -A
    git -C "$UMIAK_WORK/repo" -c user.email=a@example.com -c user.name=a commit -q -m one
    # a server that wants user:pass%word, notes who looked at it, and answers git through git itself
    cat >"$UMIAK_WORK/server.py" <<'END'
import base64, glob, http.server, os, subprocess, sys
www, repo, seen = sys.argv[1:4]
want = 'Basic ' + base64.b64encode(b'user:s3cr3t%PW').decode()
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.0'
    def log_message(self, *a): pass
    def answer(self):
        with open(seen, 'a') as f:   # command lines of everybody while somebody fetches
            for p in glob.glob('/proc/[0-9]*/cmdline'):
                try: text = open(p, 'rb').read()
                except OSError: continue
                if b'umiak' in text or b'git' in text: f.write(repr(text) + '\n')
        if self.headers.get('Authorization') != want:
            self.send_response(401); self.send_header('WWW-Authenticate', 'Basic realm="x"'); self.end_headers(); return
        path, _, query = self.path.partition('?')
        if path == '/file':
            self.send_response(200); self.end_headers(); self.wfile.write(open(www + path, 'rb').read()); return
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        env = dict(os.environ, GIT_PROJECT_ROOT=repo, GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path[4:], QUERY_STRING=query,
                   REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get('Content-Type', ''), REMOTE_USER='x',
                   GIT_PROTOCOL=self.headers.get('Git-Protocol', ''), HTTP_CONTENT_ENCODING=self.headers.get('Content-Encoding', ''),
                   GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0='safe.directory', GIT_CONFIG_VALUE_0='*')
        out = subprocess.run(['git', 'http-backend'], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, rest = out.partition(b'\r\n\r\n')
        status = 200
        lines = [l.decode().split(': ', 1) for l in head.split(b'\r\n') if l]
        for k, v in lines:
            if k == 'Status': status = int(v.split()[0])
        self.send_response(status)
        for k, v in lines:
            if k != 'Status': self.send_header(k, v)
        self.end_headers(); self.wfile.write(rest)
    do_GET = do_POST = answer
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)
with open(sys.argv[4] + '.new', 'w') as f: f.write(str(s.server_port))
os.rename(sys.argv[4] + '.new', sys.argv[4])
s.serve_forever()
END
    python3 "$UMIAK_WORK/server.py" "$UMIAK_WORK/www" "$UMIAK_WORK/repo" "$UMIAK_WORK/seen" "$UMIAK_WORK/port" \
        3>&- 4>&- </dev/null >/dev/null 2>&1 &
    echo $! >"$UMIAK_WORK/server.pid"
    for _ in $(seq 200); do [ ! -e "$UMIAK_WORK/port" ] || break; sleep 0.05; done
}
teardown_file() { kill "$(cat "$UMIAK_WORK/server.pid")" || true; umiak_teardown_file; }
setup() {
    context_make
    : >"$UMIAK_WORK/seen"
    WITH="http://user:s3cr3t%25PW@127.0.0.1:$(cat "$UMIAK_WORK/port")"
}
teardown() { umiak_teardown; rm -rf "$CTX"; }

# Nothing that is kept or was shown has the word; the store's own files are all read.
nowhere() { # WORD
    [[ $output != *"$1"* ]]
    local place=$UMIAK_WORK/root
    ! rootless || place=$UMIAK_WORK/home
    ! grep -rlaF "$1" "$place"
    run_umiak events --stream=false --since 1h
    [[ $output != *"$1"* ]]
}

@test "G9: credentials of ADD and git addresses reach the server and nothing else" {
    printf 'FROM %s\nADD %s/file /file\nADD %s/git/.git#main /repo\nRUN cat /file /repo/f\n' "$IMAGE" "$WITH" "$WITH" | file Containerfile
    run_umiak build --network none --no-cache -t added "$CTX"
    [[ $output == *$'\nfetched\nf\n'* ]]             # the control: they were sent
    [[ $output == *"ADD http://xxxxx@127.0.0.1:"* ]]
    nowhere 's3cr3t'
    run_umiak history --no-trunc added
    [[ $output == *"xxxxx@127.0.0.1"* && $output != *s3cr3t* ]]
    # git and the workers were seen by the server, their command lines have no credentials
    grep -q umiak "$UMIAK_WORK/seen"; grep -q "git.*fetch" "$UMIAK_WORK/seen"
    ! grep s3cr3t "$UMIAK_WORK/seen" | grep -v '/umiak\\x00.*build'
}

@test "G9: a git repository as context: with credentials it is built, with wrong ones the error does not show them" {
    run_umiak build --network none -t fromgit "$WITH/git/.git#main"
    nowhere 's3cr3t'
    run_umiak 125 build --network none "${WITH/s3cr3t/wr0ng}/git/.git#main"
    nowhere 'wr0ng'
    run_umiak 125 build --network none "${WITH/s3cr3t/wr0ng}/file"
    [[ $output == *"127.0.0.1"* ]]
    nowhere 'wr0ng'
    printf 'FROM %s\nADD %s/nothing /x\n' "$IMAGE" "${WITH/s3cr3t/wr0ng}" | file Containerfile
    run_umiak 125 build --network none "$CTX"
    nowhere 'wr0ng'
}

@test "G9: proxies, secrets and the environment of the builder stay out of image and history" {
    printf 'FROM %s\nARG HTTPS_PROXY\nRUN --mount=type=secret,id=s,env=S echo "=$S=$HTTP_PROXY=$HTTPS_PROXY=" | sed "s/s3c/seen-/g; s/r3t//g"\n' "$IMAGE" | file Containerfile
    export SECRET=s3cr3tB HTTP_PROXY=http://u:s3cr3tA@p
    run_umiak build --network none --no-cache --secret id=s,env=SECRET --build-arg HTTPS_PROXY=http://u:s3cr3tA@p -t proxied "$CTX"
    [[ $output == *$'\n=seen-B=http://p=http://u:seen-A@p=\n'* ]]   # the control: they were there; a proxy of the environment comes without
    nowhere s3cr3tA; nowhere s3cr3tB
    unset SECRET HTTP_PROXY
}
