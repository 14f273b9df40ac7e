/* What the programs share: clocks, and the two lines that a side says. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Names that the writer uses, again and again. */
#define NAMES 64
/* The size of one read, as in the library. */
#define BUFFER (64 * 1024)

static inline void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static inline long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* User and system time of this process, in ms. */
static inline double cpu_ms(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
         (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* From here on the writer may write. */
static inline void ready(void) {
  puts("ready");
  fflush(stdout);
}

/* Sleeps until the writer has written. */
static inline void go(void) {
  char line[16];
  must(fgets(line, sizeof line, stdin) != NULL, "stdin");
}

static inline int watch(const char *path, unsigned mask) {
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  must(fd != -1, "inotify_init1");
  must(inotify_add_watch(fd, path, mask) != -1, "inotify_add_watch");
  return fd;
}

/* An epoll set with one descriptor. */
static inline int set_of(int fd) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  must(set != -1 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
  return set;
}

static inline void sleep_until_ready(int set) {
  struct epoll_event event;
  must(epoll_wait(set, &event, 1, -1) == 1, "epoll_wait");
}
