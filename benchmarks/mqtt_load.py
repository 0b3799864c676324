"""A publisher that costs little: whole chunks of ready-made QoS 1 packets on a plain socket (MQTT 3.1.1).

Run as a program: ``python -m benchmarks.mqtt_load PORT SITE MESSAGES PER_MESSAGE PREFIX``. It prints ``ready``, waits
for a line, publishes, and prints how long the broker took to acknowledge everything.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

from ingest import topics

CHUNK = 200
WINDOW = 400
"""Messages published and not yet acknowledged, at most."""
DEVICES = 100


def payload(seq: int, now_ms: int, per_message: int) -> bytes:
    """One count, or an array of them, as a camera would send it."""
    one = '{"type":"count","boot":"a1","seq":%d,"ts":%d,"interval_s":60,"in":%d,"out":%d,"of":"person"}'
    if per_message == 1:
        return (one % (seq, now_ms - seq % 1000, seq % 30, seq % 20)).encode()
    rows = [one % (seq + i, now_ms - i, (seq + i) % 30, i % 20) for i in range(per_message)]
    return ("[" + ",".join(rows) + "]").encode()


def packet(topic: bytes, mid: int, body: bytes) -> bytes:
    """A PUBLISH packet with QoS 1."""
    content = struct.pack("!H", len(topic)) + topic + struct.pack("!H", mid) + body
    head, length = bytearray(b"\x32"), len(content)
    while True:
        head.append(length % 128 | (128 if length > 127 else 0))
        length //= 128
        if not length:
            return bytes(head) + content


def chunks(site: str, messages: int, per_message: int, prefix: str) -> list[tuple[int, bytes]]:
    """All packets, joined in chunks of `CHUNK`: (how many, bytes)."""
    now_ms = time.time_ns() // 1_000_000
    names = [topics.observations(site, f"b{d % 10}", f"{prefix}{d}").encode() for d in range(DEVICES)]
    found = []
    for start in range(0, messages, CHUNK):
        numbers = range(start, min(start + CHUNK, messages))
        packets = [
            packet(names[n % DEVICES], n % 65_000 + 1, payload(n // DEVICES * per_message, now_ms, per_message))
            for n in numbers
        ]
        found.append((len(numbers), b"".join(packets)))
    return found


def publish(port: int, prefix: str, load: list[tuple[int, bytes]]) -> float:
    """Publish everything; return the seconds until the last acknowledgement."""
    name = prefix.encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack("!H", len(name)) + name
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"\x10" + bytes((len(connect),)) + connect)
        if sock.recv(4)[3] != 0:
            raise ConnectionError("the broker refused the publisher")
        print("ready", flush=True)
        sys.stdin.readline()
        started, waiting, tail = time.perf_counter(), 0, 0
        for count, data in load:
            while waiting + count > WINDOW:
                done, tail = divmod(tail + len(sock.recv(65536)), 4)
                waiting -= done
            sock.sendall(data)
            waiting += count
        while waiting > 0:
            received = len(sock.recv(65536))
            if not received:
                raise ConnectionError("the broker closed the connection")
            done, tail = divmod(tail + received, 4)
            waiting -= done
        return time.perf_counter() - started


if __name__ == "__main__":
    port, site, messages, per_message, prefix = sys.argv[1:]
    print(publish(int(port), prefix, chunks(site, int(messages), int(per_message), prefix)), flush=True)
