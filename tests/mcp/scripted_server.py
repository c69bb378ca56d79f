#!/usr/bin/env python3
"""An MCP server that behaves as its command line says, well or badly, for the tests of the client.

scripted_server.py stdio|http|sse [--era modern|legacy|silent|strict] [--answer json|sse] [--stray] [--deny] [--version V] [--tls FOLDER]

  modern  the stateless protocol; legacy: `initialize` first; silent: legacy, and no answer to what it does not know;
  strict  legacy, and the end of the process when anything comes before `initialize`
  http    prints its port on a line, and ends with its standard input; sse is the transport of 2024-11-05
"""
import argparse
import http.server
import json
import os
import queue
import ssl
import sys
import threading
import time
import uuid

MODERN = "2026-07-28"


class RpcError(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message, **({"data": data} if data else {})}


def text(value, **more):
    return {"content": [{"type": "text", "text": value}], **more}


class Server:
    """What is the same over every transport. `emit` takes a message to the client while a request is worked on."""

    def __init__(self, options):
        self.options = options
        self.modern = options.era == "modern"
        self.tools = ["echo", "fail", "slow", "flood", "seen", "ask", "change", "die", "odd", "headers", "forget", "cut"]
        self.seen = []  # what the client said that needs no answer
        self.cancelled = {}
        self.answers = {}  # of the client, by id of our request
        self.on_change = []

    def notice(self, message):
        self.seen.append(message)
        if message.get("method") == "notifications/cancelled":
            self.cancelled.setdefault(message["params"]["requestId"], threading.Event()).set()
        if "method" not in message and message.get("id") in self.answers:
            self.answers[message["id"]].put(message)

    def result(self, request, emit, headers):
        method, params = request["method"], request.get("params", {})
        if self.modern and (params.get("_meta") or {}).get("io.modelcontextprotocol/protocolVersion") != MODERN:
            raise RpcError(-32602, "which protocol?")
        if method == "server/discover" and self.modern:
            return {"supportedVersions": [self.options.version or MODERN], "capabilities": {"tools": {"listChanged": True}},
                    "instructions": "Ask nicely.", "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "1"}}}
        if method == "initialize" and not self.modern:
            return {"protocolVersion": self.options.version or params["protocolVersion"],
                    "serverInfo": {"name": "scripted", "version": "1"}, "capabilities": {"tools": {"listChanged": True}}}
        if method == "tools/list":
            return self.page(params)
        if method == "tools/call":
            return self.call(request, params, emit, headers)
        if method == "subscriptions/listen" and self.modern:
            return self.listen(request, emit)
        raise RpcError(-32601, f"no {method} here")

    def page(self, params):
        """Two tools a page; the second of them names its arguments' headers."""
        begin = int(params.get("cursor", "0"))
        schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
        page = {"tools": [{"name": name, "description": f"Does {name}.", "inputSchema": schema}
                          for name in self.tools[begin:begin + 2]]}
        if begin + 2 < len(self.tools):
            page["nextCursor"] = str(begin + 2)
        if self.modern:
            page |= {"ttlMs": 3_600_000, "cacheScope": "public"}
        return page

    def call(self, request, params, emit, headers):
        name, arguments = params["name"], params.get("arguments", {})
        if name not in self.tools:
            raise RpcError(-32602, f"Unknown tool: {name}")
        return getattr(self, "tool_" + name, lambda **_: text(f"This is {name}."))(
            request=request, emit=emit, headers=headers, **arguments)

    def tool_echo(self, message, **_):
        return text(message, structuredContent={"message": message})

    def tool_fail(self, **_):
        return text("It did not work.", isError=True)

    def tool_flood(self, bytes, **_):
        return text("x" * bytes)

    def tool_odd(self, **_):
        return {"resultType": "mystery"}

    def tool_headers(self, headers, **_):
        return text(json.dumps({name.lower(): value for name, value in (headers or {}).items()}))

    def tool_seen(self, **_):
        return text(json.dumps(self.seen))

    def tool_slow(self, request, emit, seconds, **_):
        token = request["params"].get("_meta", {}).get("progressToken")
        stop = self.cancelled.setdefault(request["id"], threading.Event())
        for step in range(3):
            if token is not None:
                try:
                    emit({"jsonrpc": "2.0", "method": "notifications/progress",
                          "params": {"progressToken": token, "progress": step, "total": 3, "message": f"step {step}"}})
                except OSError:  # the client has closed the stream
                    self.seen.append({"gone": request["id"]})
                    raise
            if stop.wait(seconds / 3):
                return text("stopped")
        return text("done")

    def tool_change(self, **_):
        self.tools.append("new")
        for tell in list(self.on_change):
            tell()
        return text("changed")

    def tool_die(self, **_):
        print("It is time to go.", file=sys.stderr, flush=True)
        os._exit(3)

    def tool_ask(self, request, emit, **_):
        question = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string", "default": "Ada"}}}}
        params = request["params"]
        if not self.modern:
            own = f"ask-{uuid.uuid4()}"
            self.answers[own] = queue.Queue()
            emit({"jsonrpc": "2.0", "id": own, "method": "elicitation/create", "params": question})
            return text(json.dumps(self.answers[own].get(timeout=10)))
        if "inputResponses" not in params:
            return {"resultType": "input_required", "requestState": "s: {\"a\":  1}",
                    "inputRequests": {"who": {"method": "elicitation/create", "params": question}}}
        return text(json.dumps({"state": params["requestState"], "answer": params["inputResponses"]["who"]}))

    def listen(self, request, emit):
        ended = queue.Queue()
        meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": request["id"]}}

        def tell():
            try:
                emit({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": meta})
            except OSError:
                ended.put(None)

        emit({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
              "params": {**meta, "notifications": {"toolsListChanged": True}}})
        self.on_change.append(tell)
        ended.get()
        return {}

    def response(self, request, emit, headers=None):
        try:
            result = self.result(request, emit, headers)
            if self.modern:
                result = {"resultType": "complete", **result}
            return {"jsonrpc": "2.0", "id": request["id"], "result": result}
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": request["id"], "error": error.error}


def serve_stdio(server):
    lock = threading.Lock()
    initialized = server.modern

    def emit(message):
        with lock:
            print(json.dumps(message), flush=True)

    if not server.modern:
        server.on_change.append(lambda: emit({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
    if server.options.stray:
        print("Listening for your orders.\n", flush=True)
    print("The scripted server is up.", file=sys.stderr, flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            server.notice(message)
            continue
        known = initialized or message["method"] == "initialize"
        if not known and server.options.era == "silent":
            continue
        if not known and server.options.era == "strict":
            sys.exit("initialize comes first")
        initialized = known
        threading.Thread(target=lambda m=message: emit(server.response(m, emit)), daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_object = None
    sessions = {}  # id -> {"stream": queue of events for a GET, "cut": responses that a resumed stream gives}

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self, **headers):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def event(self, message, **fields):
        lines = [f"{name}: {value}" for name, value in fields.items()]
        self.wfile.write(("\n".join([*lines, "data: " + (json.dumps(message) if message else "")]) + "\n\n").encode())
        self.wfile.flush()

    def do_POST(self):
        server = self.server_object
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if server.options.deny:
            return self.answer(401, b"no", WWW_Authenticate='Bearer resource_metadata="x"')
        if self.path == "/moved":
            return self.answer(307, Location="/mcp")
        if self.path == "/away":
            return self.answer(307, Location="http://127.0.0.2:1/mcp")
        if server.modern:
            return self.post_modern(server, message)
        method = message.get("method")
        session = self.headers.get("Mcp-Session-Id")
        if method == "initialize":
            session = str(uuid.uuid4())
            self.sessions[session] = {"stream": queue.Queue(), "cut": {}}
        elif session is None:
            return self.answer(400, json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "no session"}}).encode(),
                               Content_Type="application/json")
        elif session not in self.sessions:
            return self.answer(404, b"no such session")
        if "id" not in message or "method" not in message:
            server.notice(message)
            return self.answer(202)
        state = self.sessions[session]
        tool = message.get("params", {}).get("name")
        if tool == "forget" and tool in server.tools:
            self.sessions.pop(session)
            server.tools.remove("forget")
            return self.answer(404)
        if tool == "cut":
            # The answer comes only on the stream that resumes this one.
            state["cut"]["cut-1"] = {"jsonrpc": "2.0", "id": message["id"], "result": text("resumed")}
            self.begin_stream()
            return self.event(None, id="cut-1", retry=50)
        if server.options.answer == "sse":
            self.begin_stream(Mcp_Session_Id=session)
            return self.event(server.response(message, self.event, dict(self.headers)))
        events = []
        response = server.response(message, events.append, dict(self.headers))
        return self.answer(200, json.dumps(response).encode(), Content_Type="application/json", Mcp_Session_Id=session)

    def post_modern(self, server, message):
        wanted = {"Mcp-Method": message["method"], "MCP-Protocol-Version": MODERN}
        if message["method"] == "tools/call":
            wanted["Mcp-Name"] = message["params"]["name"]
            if (region := message["params"]["arguments"].get("region")) is not None:
                wanted["Mcp-Param-Region"] = region
        wrong = [name for name, value in wanted.items() if self.headers.get(name) != value]
        if wrong:
            error = {"code": -32020, "message": f"Header mismatch: {wrong}"}
            return self.answer(400, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode(),
                               Content_Type="application/json")
        if server.options.answer == "sse" or message["method"] == "subscriptions/listen":
            self.begin_stream()
            self.wfile.write(b": hello\n\n")
            return self.event(server.response(message, self.event, dict(self.headers)))
        body = json.dumps(server.response(message, lambda _: None, dict(self.headers))).encode()
        return self.answer(200, body, Content_Type="application/json")

    def do_GET(self):
        session = self.sessions.get(self.headers.get("Mcp-Session-Id"))
        if session is None:
            return self.answer(405)
        last = self.headers.get("Last-Event-ID")
        self.begin_stream()
        if last in session["cut"]:
            return self.event(session["cut"].pop(last), id="cut-2")
        tell = lambda: session["stream"].put({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        self.server_object.on_change.append(tell)
        self.event(None, id="get-1")
        while True:
            self.event(session["stream"].get())

    def do_DELETE(self):
        self.server_object.notice({"deleted": self.headers.get("Mcp-Session-Id")})
        self.sessions.pop(self.headers.get("Mcp-Session-Id"), None)
        self.answer(200)


class SseHandler(Handler):
    """The transport of 2024-11-05."""
    streams = {}

    def do_GET(self):
        name = str(uuid.uuid4())
        events = self.streams[name] = queue.Queue()
        self.begin_stream()
        away = "http://127.0.0.2:1" if self.path == "/away" else ""
        self.wfile.write(f"event: endpoint\ndata: {away}/message?stream={name}\n\n".encode())
        while (message := events.get()) is not None:
            self.event(message)

    def do_POST(self):
        server = self.server_object
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events = self.streams[self.path.partition("=")[2]]
        self.answer(202, b"Accepted")
        if "id" not in message or "method" not in message:
            return server.notice(message)
        if message.get("params", {}).get("name") == "cut":
            return events.put(None)
        events.put(server.response(message, events.put, dict(self.headers)))


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # tests connect many times at once


def serve_http(server, handler):
    handler.server_object = server
    listener = Listener(("127.0.0.1", 0), handler)
    if server.options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{server.options.tls}/cert.pem", f"{server.options.tls}/key.pem")
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    print(listener.server_address[1], flush=True)
    sys.stdin.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["stdio", "http", "sse"])
    parser.add_argument("--era", default="modern", choices=["modern", "legacy", "silent", "strict"])
    parser.add_argument("--answer", default="json", choices=["json", "sse"])
    parser.add_argument("--stray", action="store_true", help="print something that is no message")
    parser.add_argument("--deny", action="store_true", help="answer 401")
    parser.add_argument("--version", help="the only version that it speaks")
    parser.add_argument("--tls", help="a folder of cert.pem and key.pem")
    options = parser.parse_args()
    server = Server(options)
    if options.transport == "stdio":
        serve_stdio(server)
    else:
        serve_http(server, Handler if options.transport == "http" else SseHandler)


if __name__ == "__main__":
    main()
