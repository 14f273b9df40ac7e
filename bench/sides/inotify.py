"""inotify.py storm|latency DIR [EVENTS]: inotify through ctypes, as Python's packages do it."""

import ctypes
import json
import os
import resource
import select
import struct
import sys
import time

IN_CREATE, IN_DELETE, IN_ALL_EVENTS, IN_Q_OVERFLOW = 0x100, 0x200, 0xFFF, 0x4000
HEADER = struct.Struct("iIII")


def watch(path, mask):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if fd == -1 or libc.inotify_add_watch(fd, os.fsencode(path), mask) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    epoll = select.epoll()
    epoll.register(fd, select.EPOLLIN)
    print("ready", flush=True)
    return fd, epoll


def events_of(data):
    at = 0
    while at < len(data):
        wd, mask, cookie, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        yield wd, mask, cookie, data[at : at + length].rstrip(b"\0")
        at += length


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e3


def storm(path):
    fd, epoll = watch(path, IN_ALL_EVENTS)
    before = cpu()
    events = overflows = wakeups = 0
    ended = False
    while not ended:
        epoll.poll()
        wakeups += 1
        for _, mask, _, name in events_of(os.read(fd, 65536)):
            events += 1
            if mask & IN_Q_OVERFLOW:
                overflows += 1
            if mask & IN_DELETE and name == b"END":
                ended = True
    return {"cpu": cpu() - before, "events": events, "overflows": overflows, "wakeups": wakeups}


def latency(path, count):
    fd, epoll = watch(path, IN_CREATE)
    before = cpu()
    delays = []
    while len(delays) < count:
        epoll.poll()
        data = os.read(fd, 65536)
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        for _, _, _, name in events_of(data):
            delays.append(now - int(name))
    return {"cpu": cpu() - before, "delays": delays[:count]}


way, path, *rest = sys.argv[1:]
print(json.dumps(storm(path) if way == "storm" else latency(path, int(rest[0]))))
