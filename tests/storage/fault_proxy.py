"""A TCP proxy that makes the faults of a network: answers that are lost after the server has done the work, and outages."""

from __future__ import annotations

import asyncio
import contextlib


class FaultProxy:
    """Listens on `port` of 127.0.0.1 and passes whole messages of MongoDB's protocol to a server and back."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost_word = b""
        self._to_lose = 0
        self._is_down = False
        self.lost = 0
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def lose_answers(self, command: str, count: int) -> None:
        """Lose the next `count` answers to this command: the server does it, the client's connection is closed."""
        self._lost_word, self._to_lose = command.encode(), count

    def go_down(self) -> None:
        """Cut all connections and refuse new ones."""
        self._is_down = True
        self.cut()

    def heal(self) -> None:
        """Pass everything again."""
        self._is_down, self._to_lose = False, 0

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._is_down:
                await self._connect(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, to_writer}
        answers = asyncio.create_task(_pass_answers(to_reader, writer))
        try:
            while True:
                message = await _message(reader)
                to_writer.write(message)
                if self._is_to_lose(message):
                    answers.cancel()  # nothing of the answer reaches the client
                    await asyncio.wait([answers])
                    await _message(to_reader)  # the server has done it
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two has gone
        finally:
            answers.cancel()
            to_writer.transport.abort()
            self._open -= {writer, to_writer}

    def _is_to_lose(self, message: bytes) -> bool:
        if not self._to_lose or b"\x02" + self._lost_word + b"\x00" not in message[:64]:
            return False
        self._to_lose -= 1
        self.lost += 1
        return True


async def _pass_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            writer.write(await _message(reader))
    writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head, "little") - 4)
