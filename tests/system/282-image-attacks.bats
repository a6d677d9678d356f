#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What images say is data: labels that want to be commands or settings, words that want to be options, and secrets of
# addresses that want to be remembered. Every attack has its positive control.
load helpers

setup_file() {
    umiak_setup_file
    umiak_on_host_network
}
teardown_file() { umiak_teardown_file; }
setup() { W=$UMIAK_WORK/tmp/w; mkdir -p "$W"; chmod 777 "$W"; M=$W/marker; }
teardown() {
    [ ! -e "$W/server.pid" ] || kill "$(cat "$W/server.pid")" || true
    umiak_teardown; umiak rmi -f localhost/evil >/dev/null 2>&1 || true; rm -rf "$W"
}

@test "E4: labels and annotations are no properties of systemd, and reach no program of it" {
    value=$'v\n[Service]\nExecStartPost=/bin/touch '"$M"
    mkdir "$W/bin"
    for p in systemctl systemd-run busctl dbus-send gdbus; do printf '#!/bin/sh\necho "$0 $*" >>%s/called\nexit 1\n' "$W" >"$W/bin/$p"; done
    chmod 755 "$W"/bin/*; : >"$W/called"; chmod 666 "$W/called"
    printf 'FROM %s\nLABEL org.systemd.property.ExecStartPost="touch %s" org.systemd.property.MemoryMax="4096"\n' $IMAGE "$M" >"$W/Containerfile"
    run_umiak build -q --network none --annotation "org.systemd.property.ExecStartPost=touch $M" -t localhost/evil "$W"
    PATH=$W/bin:$PATH run_umiak run --name c --network none --label "a=$value" --annotation "org.systemd.property.ExecStartPost=touch $M" \
        --annotation "b=$value" --annotation "org.systemd.property.MemoryMax=uint64 4096" --env "E=$value" localhost/evil sh -c 'echo "$E"'
    is "$output" "$value" "control: it runs, and data stays data"
    is "$(umiak inspect --format '{{index .Config.Labels "a"}}' c)" "$value" "control: the label is there"
    ! grep -F -e property -e ExecStartPost -e 4096 "$W/called"
    [ ! -e "$M" ]
}

@test "E5: a label that is a command runs when runlabel is told to, and never else" {
    printf 'FROM %s\nLABEL RUN="touch %s" INSTALL="touch %s" UNINSTALL="touch %s" org.opencontainers.image.title="$(touch %s)"\n' \
        $IMAGE "$M" "$M" "$M" "$M" >"$W/Containerfile"
    run_umiak build -q -t localhost/evil "$W"
    run_umiak save -q -o "$W/evil.tar" localhost/evil; chmod a+r "$W/evil.tar"
    run_umiak rmi localhost/evil
    run_umiak load -q -i "$W/evil.tar"
    run_umiak run --rm --network none localhost/evil true
    run_umiak image inspect localhost/evil; run_umiak history localhost/evil
    run_umiak image tree localhost/evil; run_umiak images --format '{{.Labels}}' localhost/evil
    run_umiak create --name c localhost/evil true; run_umiak commit -q c; run_umiak rmi "$output"
    run_umiak container runlabel --display run localhost/evil
    is "$output" "command: touch $M" "shown"
    run_umiak rmi -f localhost/evil
    [ ! -e "$M" ]
    run_umiak load -q -i "$W/evil.tar"
    run_umiak container runlabel run localhost/evil   # control
    [ -e "$M" ]
}

@test "E6: words of an image are arguments one by one: no shell, no options of ours" {
    printf '#!/bin/sh\nfor a; do echo "<$a>"; done >%s/words\n' "$W" >"$W/show"; chmod 755 "$W/show"
    cat >"$W/Containerfile" <<END
FROM $IMAGE
LABEL RUN="$W/show \\\$NAME; touch $M && \$(touch $M) \`touch $M\` | --privileged '-v /:/host' \\\$OPT1"
CMD ["--privileged", "-v", "/:/host"]
END
    run_umiak build -q -t localhost/evil "$W"
    run_umiak container runlabel --name "n -v /:/h" --opt1 '$(touch '"$M"') -x' run localhost/evil --extra
    is "$(<"$W/words")" "$(printf '<%s>\n' 'n -v /:/h;' touch "$M" '&&' '$(touch' "$M)" '`touch' "$M\`" '|' --privileged '-v /:/host' '$(touch '"$M"') -x' --extra)" "the words"
    [ ! -e "$M" ]
    run_umiak 127 run --rm --network none localhost/evil
    like "$output" "privileged" "a command that is not there"
    sed -i 's/^CMD/ENTRYPOINT ["echo"]\n&/' "$W/Containerfile"
    run_umiak build -q -t localhost/evil "$W"
    run_umiak run --rm --network none localhost/evil
    is "$output" "--privileged -v /:/host" "control: they are the program's arguments"
    for name in -v --privileged "-v/:/x"; do
        run_umiak 125 tag localhost/evil -- "$name"
        run_umiak 125 build -q --network none -t "--$name" "$W"
    done
}

# A web server that wants joe:hunter2secret; ctx.tar and a repository behind git's CGI program.
serve_with_password() {
    mkdir -p "$W/ctx" "$W/www"
    printf 'FROM %s\nRUN echo done >/f\n' $IMAGE >"$W/ctx/Containerfile"
    tar -C "$W/ctx" -cf "$W/www/ctx.tar" .
    git -c init.defaultBranch=main -C "$W/ctx" init -q
    git -C "$W/ctx" add . ; git -C "$W/ctx" -c user.name=a -c user.email=a@b commit -qm x
    git clone -q --bare "$W/ctx" "$W/www/repo.git"
    python3 - "$W" 3>&- 4>&- <<'PY' &
import base64, http.server, os, subprocess, sys
want = "Basic " + base64.b64encode(b"joe:hunter2secret").decode()
top = sys.argv[1] + "/www"
class H(http.server.BaseHTTPRequestHandler):
    def git(self):   # CGI
        path, _, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=top, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query, REMOTE_USER="joe",
                   REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""), GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        out = subprocess.run(["git", "http-backend"], env=env, input=self.rfile.read(int(self.headers.get("Content-Length", 0))), stdout=-1).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        return [l.split(": ", 1) for l in head.decode().splitlines()], body
    def do_GET(self):
        if self.headers.get("Authorization") != want:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="x"')], b"")
        if self.path == "/ctx.tar": return self.answer(200, [], open(top + "/ctx.tar", "rb").read())
        self.answer(200, *self.git())
    do_POST = do_GET
    def answer(self, code, headers, body):
        self.send_response(code)
        for h in headers: self.send_header(*h)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
open(sys.argv[1] + "/server.pid", "w").write(str(os.getpid()))
open(sys.argv[1] + "/port.new", "w").write(str(s.server_port)); os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
s.serve_forever()
PY
    for _ in $(seq 300); do [ ! -e "$W/port" ] || break; sleep 0.1; done
    PORT=$(<"$W/port")
}

@test "G9: the password of an address is in no image, log, event, file of the store or command line" {
    command -v git >/dev/null || skip "git is missing"
    serve_with_password
    secret=hunter2secret coded=$(printf 'joe:hunter2secret' | base64)
    # whatever git is started, its words are kept
    mkdir "$W/bin"; printf '#!/bin/sh\necho "git $*" >>%s/argv\nexec %s "$@"\n' "$W" "$(command -v git)" >"$W/bin/git"; chmod 755 "$W/bin/git"
    : >"$W/argv"; chmod 666 "$W/argv"
    for url in "http://joe:$secret@127.0.0.1:$PORT/ctx.tar" "http://joe:$secret@127.0.0.1:$PORT/repo.git"; do
        PATH=$W/bin:$PATH run umiak --log-level debug build --no-cache --network none -t localhost/evil "$url"
        is "$status" 0 "$output"   # control: the password was good
        [[ $output != *$secret* && $output != *"$coded"* ]] || { echo "output: $output"; false; }
        run_umiak image inspect localhost/evil; [[ $output != *$secret* ]]
        run_umiak history --no-trunc localhost/evil; [[ $output != *$secret* ]]
        run_umiak events --stream=false --since 10m; [[ $output != *$secret* ]]
        store=$UMIAK_WORK/root; ! rootless || store=$UMIAK_WORK/home/.local/share
        [ -d "$store" ]; ! grep -rlaF "$secret" "$store"; ! grep -rlaF "$coded" "$store"
        umiak rmi -f localhost/evil >/dev/null
    done
    like "$(<"$W/argv")" "git .*(fetch|clone)" "control: git was seen"
    ! grep -F -e "$secret" -e "$coded" "$W/argv"
    # control: wrong ones are not let in
    run_umiak 125 build -q "http://joe:wrong2secret@127.0.0.1:$PORT/ctx.tar"
    [[ $output != *wrong2secret* ]]
    run_umiak 125 build -q "http://joe:wrong2secret@127.0.0.1:$PORT/repo.git"
    [[ $output != *wrong2secret* ]]
}
