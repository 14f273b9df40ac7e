/* storm DIR: sleeps in epoll_wait, reads once, parses every record, until END was deleted. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 2, "storm DIR");
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int fd = watch(argv[1], IN_ALL_EVENTS), set = set_of(fd), ended = 0;
  long events = 0, overflows = 0, wakeups = 0, letters = 0;
  ready();
  double before = cpu_ms();
  while (!ended) {
    sleep_until_ready(set);
    wakeups++;
    ssize_t length = read(fd, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + length;) {
      struct inotify_event *event = (void *)at;
      events++;
      if (event->mask & IN_Q_OVERFLOW) overflows++;
      letters += strlen(event->len ? event->name : "");
      if (event->mask & IN_DELETE && strcmp(event->name, "END") == 0) ended = 1;
      at += sizeof *event + event->len;
    }
  }
  double cpu = cpu_ms() - before;
  printf("{\"cpu\":%.3f,\"events\":%ld,\"overflows\":%ld,\"wakeups\":%ld,\"letters\":%ld}\n", cpu,
         events, overflows, wakeups, letters);
}
