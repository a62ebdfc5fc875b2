"""An HTTP proxy with a password: CONNECT only, to whatever it is asked for."""
import base64
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    def __init__(self, user, password):
        self.want = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.ways, self.fault = [], 0
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"proxy": self}))
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Handler(BaseHTTPRequestHandler):
    proxy = None

    def log_message(self, *_):
        pass

    def refuse(self, status):
        self.send_response(status)
        if status == 407:
            self.send_header("Proxy-Authenticate", "Basic")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_CONNECT(self):
        if self.proxy.fault:
            return self.refuse(self.proxy.fault)
        if self.headers.get("Proxy-Authorization") != self.proxy.want:
            return self.refuse(407)
        self.proxy.ways.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            up = threading.Thread(target=self.pump, args=(self.connection, far), daemon=True)
            up.start()
            self.pump(far, self.connection)
        self.close_connection = True
        return None

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
