#!/usr/bin/env python3
"""Runs the example programs as a user would, and looks at what they say and send.

    run_example.py CASE FOLDER      FOLDER: where the examples were built
"""

import contextlib
import gzip
import http.server
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECIDING = ("HONEYCOMB_", "OTEL_")  # variables that choose where traces go
KEY = "hcaik_01example_key_that_nobody_may_see"


def environment(**variables):
    """Returns this process's environment without what would decide about traces, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DECIDING)}
    return {**kept, **variables}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_free(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def expect(condition, what):
    if not condition:
        sys.exit(f"NOT SO: {what}")


def expect_text(output, *texts):
    for text in texts:
        expect(text in output, f"the output holds {text!r}")


class Honeycomb(http.server.BaseHTTPRequestHandler):
    """Stands in for Honeycomb: keeps every request, and answers all alike."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append((self.path, self.headers, body))
        self.answer(b"{}")

    def do_GET(self):
        self.server.questions.append((self.path, self.headers))
        self.answer(b'{"team":{"slug":"hive"},"environment":{"slug":"test"}}')

    def answer(self, body):
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def honeycomb(status):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Honeycomb)
    server.daemon_threads = True
    server.requests = []
    server.questions = []
    server.status = status
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield server
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def run_demo(folder, **variables):
    """Runs demo.sh on ports of its own; returns its exit code and all that it wrote."""
    ports = {name: variables.pop(name, str(free_port())) for name in ("BACKEND_PORT", "USERS_PORT")}
    result = subprocess.run(
        [ROOT / "examples/demo.sh", "--programs", folder], env=environment(**ports, **variables),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        encoding="utf-8", check=False)
    print(result.stdout)
    return result.returncode, result.stdout, [int(port) for port in ports.values()]


def run_on_terminal(*command, **variables):
    """Runs a program with a terminal as its output; returns its exit code and all that it wrote."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, env=environment(TERM="xterm", **variables), stdin=its, stdout=its,
                          stderr=its) as process:
        os.close(its)
        output = b""
        with contextlib.suppress(OSError):  # which is how the end of a terminal is read
            while data := os.read(ours, 65536):
                output += data
        code = process.wait(timeout=60)
    os.close(ours)
    text = output.decode()
    print(text)
    return code, text


def sent_spans(server):
    """Returns all spans that the stand-in received, as {service name: [span]}."""
    spans = {}
    for _, _, body in server.requests:
        for resource_spans in json.loads(body)["resourceSpans"]:
            attributes = {attribute["key"]: attribute["value"]
                          for attribute in resource_spans["resource"]["attributes"]}
            of_service = spans.setdefault(attributes["service.name"]["stringValue"], [])
            for scope_spans in resource_spans["scopeSpans"]:
                of_service.extend(scope_spans["spans"])
    return spans


def named(spans, name, trace_id):
    found = [span for span in spans if span["name"] == name and span["traceId"] == trace_id]
    expect(len(found) == 1, f"trace {trace_id} has one span {name!r}: {len(found)}")
    return found[0]


def attributes_of(span):
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}


def test_hello(folder):
    code, output = run_on_terminal(folder / "01_hello")
    expect(code == 0, "it ends well on a terminal")
    expect_text(output, "checkout", "charge-card")

    quiet = subprocess.run([folder / "01_hello"], env=environment(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                           encoding="utf-8", check=False)
    print(quiet.stdout)
    expect(quiet.returncode == 0, "it ends well without a terminal")
    expect(len(quiet.stdout.splitlines()) == 1, "without a terminal it says one line")
    expect_text(quiet.stdout, "HONEYCOMB_API_KEY")


def run_quietly(program):
    """Runs a program that needs neither terminal nor destination; returns what it wrote."""
    done = subprocess.run([program], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, encoding="utf-8", check=False)
    print(done.stdout)
    expect(done.returncode == 0, f"{program.name} ends well")
    return done.stdout


def test_many_files(folder):
    expect_text(run_quietly(folder / "03_many_files"), "place-order", "order.id=42", "charge", "amount.cents=420")


def test_own_exporter(folder):
    output = run_quietly(folder / "04_own_exporter")
    expect_text(output, "request     10 spans", "query       10 spans", "ms in all")
    expect("health" not in output, "what the filter dropped is not there")


def test_threads(folder):
    output = run_quietly(folder / "05_threads")
    expect(output.count("resize") == 2, "both threads' spans are in the trace")
    expect_text(output, "publish", "upload", "bytes=4096")
    expect(output.count("trace ") <= 1, "it is one trace")


def test_single_header(folder):
    expect_text(run_quietly(folder / "06_single_header"), "checkout", "charge-card", "amount=42.5")


def test_poll_in_my_loop(folder):
    expect_text(run_quietly(folder / "07_poll_in_my_loop"), "turn", "3 spans on their way or delivered")


def test_signals(folder):
    with subprocess.Popen([folder / "08_signals"], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8") as process:
        output = process.stdout.readline()
        while output and "serving" not in output:
            output += process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output += process.communicate(timeout=60)[0]
    print(output)
    expect(process.returncode == 0, "it ends well")
    expect_text(output, "handle-request", f"ended by signal {signal.SIGTERM.value}, all sent")


def test_traces(folder):
    code, output, ports = run_demo(folder)
    expect(code == 0, "the demo ends well")
    expect(all(is_free(port) for port in ports), "no service is left behind")
    backend, users = output.split("== What backend recorded")[1].split("== What users recorded")
    expect_text(backend, "GET /api/activities/home", "home-activities-mock-data",
                "GET /api/activities/broken", "GET /api/users/{handle}")
    expect_text(users, "GET /api/users/{handle}", "find-user")
    expect("\x1b" not in output, "there are no colours outside of a terminal")
    last = output.strip().splitlines()[-1]
    expect("HONEYCOMB_API_KEY" in last, "the last line says how to send traces to Honeycomb")


def test_terminal(folder):
    ports = {name: str(free_port()) for name in ("BACKEND_PORT", "USERS_PORT")}
    code, output = run_on_terminal(ROOT / "examples/demo.sh", "--programs", folder, **ports)
    expect(code == 0, "the demo ends well")
    expect_text(output, "home-activities-mock-data", "find-user", "\x1b[31m", "\x1b[0m")


def check_crossing(spans, trace_id):
    """Follows the trace that an outside caller began through both services."""
    request = named(spans["backend"], "GET /api/activities/home", trace_id)
    mock_data = named(spans["backend"], "home-activities-mock-data", trace_id)
    call = named(spans["backend"], "GET /api/users/{handle}", trace_id)
    answer = named(spans["users"], "GET /api/users/{handle}", trace_id)
    lookup = named(spans["users"], "find-user", trace_id)
    chain = [request, mock_data, call, answer, lookup]
    for parent, child in zip(chain, chain[1:]):
        expect(child["parentSpanId"] == parent["spanId"],
               f"{child['name']} is a child of {parent['name']}")
    expect([span["kind"] for span in chain] == [2, 1, 3, 2, 1], "the kinds are right")
    expect(all("rojo=00f067aa0ba902b7" in span["traceState"] for span in chain),
           "the caller's tracestate is kept throughout")

    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", attributes_of(mock_data)["app.now"]),
           "app.now is a time")
    expect(attributes_of(mock_data)["app.result_length"] == "3", "app.result_length is a number")
    expect(attributes_of(call)["http.response.status_code"] == "200", "the call's status is kept")
    http_server = attributes_of(request)
    for key in ("http.request.method", "http.route", "url.path", "url.scheme", "server.address",
                "server.port", "client.address", "user_agent.original"):
        expect(http_server.get(key), f"the server's span has {key}")


def check_failure(spans):
    failed = [span for span in spans["backend"] if span["name"] == "GET /api/activities/broken"]
    expect(len(failed) == 1 and failed[0].get("status", {}).get("code") == 2, "the failed request is an error")
    events = [event for event in failed[0]["events"] if event["name"] == "exception"]
    expect(len(events) == 1, "the exception is an event")
    exception = attributes_of(events[0])
    expect(exception["exception.type"] == "std::runtime_error", "the exception's type has its name")
    expect("does not answer" in exception["exception.message"], "the exception's text is kept")


def test_destination(folder):
    with honeycomb(200) as server:
        code, output, _ = run_demo(folder, HONEYCOMB_API_KEY=KEY,
                                   HONEYCOMB_API_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
    expect(code == 0, "the demo ends well")
    expect(KEY not in output, "the key is not shown")
    expect(server.requests, "something was sent")
    for path, headers, _ in server.requests:
        expect(path == "/v1/traces", "it is sent to /v1/traces")
        expect(headers["x-honeycomb-team"] == KEY, "the key is sent")
        expect(headers["Content-Type"] == "application/json", "it is sent as JSON")
    spans = sent_spans(server)
    expect({"backend", "users"} == set(spans), "both services send spans")
    shown = re.findall(r"^  ([0-9a-f]{32})$", output, re.MULTILINE)
    sent = {span["traceId"] for of_service in spans.values() for span in of_service}
    expect(len(shown) == 3 and set(shown) == sent, "the trace ids to look for are those that were sent")
    check_crossing(spans, shown[2])
    check_failure(spans)
    expect([path for path, _ in server.questions] == ["/1/auth"], "the backend asks once where its traces are shown")
    expect(server.questions[0][1]["x-honeycomb-team"] == KEY, "it asks with its key")
    links = re.findall(r": https://ui\.honeycomb\.io/hive/environments/test/datasets/backend/trace\?trace_id=([0-9a-f]{32})$",
                       output, re.MULTILINE)
    expect(links == shown[:2], "the traces that begin here are linked to")


def test_refused(folder):
    with honeycomb(401) as server:
        code, output, ports = run_demo(
            folder, HONEYCOMB_API_KEY=KEY,
            HONEYCOMB_API_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
    expect(code != 0, "a demo whose traces are refused fails")
    expect(KEY not in output, "the key is not shown")
    expect(server.requests, "something was sent")
    expect_text(output, "FAILED: backend lost spans", "FAILED: users lost spans")
    expect(all(is_free(port) for port in ports), "no service is left behind")


def test_taken(folder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        code, output, ports = run_demo(folder, BACKEND_PORT=str(port))
    expect(code != 0, "a demo without its port fails")
    expect_text(output, f"port {port}", "BACKEND_PORT")
    expect(is_free(ports[1]), "no service is left behind")


def main():
    case, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    globals()[f"test_{case}"](folder)


if __name__ == "__main__":
    main()
