#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# proxy-no-patch.py HOST:PORT PORT-FILE LOG [no-mount] - a proxy before a registry that refuses PATCH, as some do; with
# no-mount it knows no other repositories, either (an upload begins instead). Every method goes into LOG, a line each.
import http.client, http.server, os, sys

upstream, port_file, log = sys.argv[1:4]
no_mount = sys.argv[4:] == ["no-mount"]


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self):
        with open(log, "a") as f:
            f.write(self.command + "\n")
        if self.command == "PATCH":
            self.close_connection = True
            self.answer(405, [], b"")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        c = http.client.HTTPConnection(upstream, timeout=60)
        path = self.path.split("?")[0] if no_mount and "mount=" in self.path else self.path
        c.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)   # Host is ours: so is Location
        for k, v in self.headers.items():
            c.putheader(k, v)
        c.endheaders(body)
        r = c.getresponse()
        length = r.getheader("Content-Length") if self.command == "HEAD" else None
        self.answer(r.status, r.getheaders(), r.read(), length)

    def answer(self, status, headers, body, length=None):
        self.send_response(status)
        for k, v in headers:
            if k.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(k, v)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = relay

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
