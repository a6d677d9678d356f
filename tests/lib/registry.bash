# SPDX-License-Identifier: Apache-2.0
# registry.bash - a docker-registry on the loopback for tests, on a port the kernel chose.
#
# registry_start NAME [PORT]   sets $registry ("127.0.0.1:PORT"); PORT: that one, for a registry that comes late
# registry_stop_all            ends what was started; in teardown_file

registry_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

registry_start() {
    local try port pid
    for try in 1 2 3 4 5; do
        port=${2:-$(registry_free_port)}
        printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
            "$UMIAK_WORK/$1" "$port" >"$UMIAK_WORK/$1.yml"
        docker-registry serve "$UMIAK_WORK/$1.yml" >/dev/null 2>&1 3>&- 4>&- </dev/null &
        pid=$!
        disown $pid
        for _ in $(seq 300); do
            kill -0 $pid 2>/dev/null || break   # somebody else was faster: another port
            if curl -fs "http://127.0.0.1:$port/v2/" >/dev/null && kill -0 $pid 2>/dev/null; then
                echo $pid >>"$UMIAK_WORK/registry.pids"
                registry=127.0.0.1:$port
                return 0
            fi
            sleep 0.1
        done
        kill $pid 2>/dev/null || true
    done
    echo "docker-registry does not start"; return 1
}

registry_stop_all() {
    [ ! -f "$UMIAK_WORK/registry.pids" ] || xargs kill <"$UMIAK_WORK/registry.pids" 2>/dev/null || true
}
