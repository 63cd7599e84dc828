"""SPDY/3.1 frames to bytes and back, without I/O (draft-mbelshe-httpbis-spdy, versions 3 and 3.1)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = 3
FLAG_FIN = 0x01
FLAG_UNIDIRECTIONAL = 0x02
SETTINGS_INITIAL_WINDOW_SIZE = 7
MAX_FRAME = 1 << 24

PROTOCOL_ERROR = 1
INVALID_STREAM = 2
REFUSED_STREAM = 3
CANCEL = 5
INTERNAL_ERROR = 6
STREAM_ALREADY_CLOSED = 9

Headers = dict[str, str]

_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date "
    "etag expect expires from host if-match if-modified-since if-none-match if-range "
    "if-unmodified-since last-modified location max-forwards pragma proxy-authenticate "
    "proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status "
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_ENTRIES = [
    *_NAMES.split(),
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
]
#: What both ends' header compression starts from.
DICTIONARY = b"".join(struct.pack(">I", len(w)) + w.encode() for w in _ENTRIES) + _TAIL.encode()


class SpdyError(Exception):
    """The other end broke the protocol."""


@dataclass(frozen=True)
class SynStream:
    stream_id: int
    headers: Headers
    fin: bool = False
    unidirectional: bool = False
    priority: int = 0


@dataclass(frozen=True)
class SynReply:
    stream_id: int
    headers: Headers
    fin: bool = False


@dataclass(frozen=True)
class RstStream:
    stream_id: int
    status: int


@dataclass(frozen=True)
class Settings:
    values: dict[int, int]


@dataclass(frozen=True)
class Ping:
    ping_id: int


@dataclass(frozen=True)
class GoAway:
    last_stream_id: int
    status: int = 0


@dataclass(frozen=True)
class HeadersFrame:
    stream_id: int
    headers: Headers
    fin: bool = False


@dataclass(frozen=True)
class WindowUpdate:
    stream_id: int
    delta: int


@dataclass(frozen=True)
class Data:
    stream_id: int
    data: bytes
    fin: bool = False


Frame = SynStream | SynReply | RstStream | Settings | Ping | GoAway | HeadersFrame | WindowUpdate | Data


class FrameCodec:
    """One end of a connection. Header compression has a memory: encode frames in the order they are sent."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = bytearray()

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Data(stream_id, data, fin):
                return struct.pack(">II", stream_id, (FLAG_FIN if fin else 0) << 24 | len(data)) + data
            case SynStream(stream_id, headers, fin, unidirectional, priority):
                flags = (FLAG_FIN if fin else 0) | (FLAG_UNIDIRECTIONAL if unidirectional else 0)
                start = struct.pack(">IIBB", stream_id, 0, priority << 5, 0)
                return _control(1, flags, start + self._compress(headers))
            case SynReply(stream_id, headers, fin):
                return _control(2, int(fin), struct.pack(">I", stream_id) + self._compress(headers))
            case RstStream(stream_id, status):
                return _control(3, 0, struct.pack(">II", stream_id, status))
            case Settings(values):
                entries = b"".join(struct.pack(">II", key, value) for key, value in values.items())
                return _control(4, 0, struct.pack(">I", len(values)) + entries)
            case Ping(ping_id):
                return _control(6, 0, struct.pack(">I", ping_id))
            case GoAway(last_stream_id, status):
                return _control(7, 0, struct.pack(">II", last_stream_id, status))
            case HeadersFrame(stream_id, headers, fin):
                return _control(8, int(fin), struct.pack(">I", stream_id) + self._compress(headers))
            case WindowUpdate(stream_id, delta):
                return _control(9, 0, struct.pack(">II", stream_id, delta))

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. Raises SpdyError."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                return
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            if not first >> 31:
                yield Data(first, body, bool(flags & FLAG_FIN))
                continue
            if (first >> 16) & 0x7FFF != VERSION:
                raise SpdyError(f"SPDY version {(first >> 16) & 0x7FFF} is not supported")
            try:
                frame = self._decode(first & 0xFFFF, flags, body)
            except (struct.error, zlib.error, UnicodeDecodeError) as error:
                raise SpdyError(f"malformed frame of type {first & 0xFFFF}: {error}") from error
            if frame is not None:
                yield frame

    def _decode(self, kind: int, flags: int, body: bytes) -> Frame | None:
        fin = bool(flags & FLAG_FIN)
        (number,) = struct.unpack_from(">I", body)
        stream_id = number & 0x7FFFFFFF
        match kind:
            case 1:
                _, priority, _ = struct.unpack_from(">IBB", body, 4)
                headers = self._decompress(body[10:])
                return SynStream(stream_id, headers, fin, bool(flags & FLAG_UNIDIRECTIONAL), priority >> 5)
            case 2:
                return SynReply(stream_id, self._decompress(body[4:]), fin)
            case 3:
                return RstStream(stream_id, struct.unpack_from(">I", body, 4)[0])
            case 4:
                pairs = (struct.unpack_from(">II", body, 4 + 8 * index) for index in range(number))
                return Settings({key & 0xFFFFFF: value for key, value in pairs})
            case 6:
                return Ping(number)
            case 7:
                return GoAway(stream_id, struct.unpack_from(">I", body, 4)[0])
            case 8:
                return HeadersFrame(stream_id, self._decompress(body[4:]), fin)
            case 9:
                return WindowUpdate(stream_id, struct.unpack_from(">I", body, 4)[0] & 0x7FFFFFFF)
        return None  # unknown control frames are to be ignored

    def _compress(self, headers: Headers) -> bytes:
        block = bytearray(struct.pack(">I", len(headers)))
        for name, value in headers.items():
            for part in (name.lower().encode(), value.encode()):
                block += struct.pack(">I", len(part)) + part
        return self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def _decompress(self, data: bytes) -> Headers:
        block = self._inflate.decompress(data, MAX_FRAME)
        if self._inflate.unconsumed_tail:
            raise SpdyError("header block too large")
        (count,) = struct.unpack_from(">I", block)
        offset = 4
        parts: list[str] = []
        for _ in range(2 * count):
            (length,) = struct.unpack_from(">I", block, offset)
            offset += 4
            if offset + length > len(block):
                raise SpdyError("header block cut short")
            parts.append(block[offset : offset + length].decode())
            offset += length
        return dict(zip(parts[::2], parts[1::2], strict=True))


def _control(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">II", 0x80000000 | VERSION << 16 | kind, flags << 24 | len(body)) + body
