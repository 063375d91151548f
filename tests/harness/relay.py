"""A relay between programs and a server on loopback that counts what passes; a process of its own."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Passed:
    """Bytes of payload to the server and from it, and connections that were made."""

    up: int
    down: int
    connections: int

    def __sub__(self, before):
        return Passed(self.up - before.up, self.down - before.down, self.connections - before.connections)

    @property
    def bytes(self):
        return self.up + self.down


class Relay:
    """`port` leads to `target`, as long as the block runs; each way takes `delay_s`."""

    def __init__(self, target: int, delay_s: float = 0.0):
        command = [sys.executable, __file__, str(target), str(delay_s)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def passed(self):
        """Since its beginning."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Passed(*json.loads(self._process.stdout.readline()))


async def _relay(target, delay_s):
    counts = [0, 0, 0]

    loop = asyncio.get_running_loop()

    async def pump(reader, writer, place):
        try:
            while data := await reader.read(65536):
                counts[place] += len(data)
                if delay_s:
                    loop.call_later(delay_s, writer.write, data)
                else:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            loop.call_later(delay_s, writer.close)

    async def connected(reader, writer):
        counts[2] += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back, 0), pump(there, writer, 1))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), float(sys.argv[2])))
