/* latency DIR EVENTS: sleeps in epoll_wait, reads, looks at the clock, prints each delay in ns. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 3, "latency DIR EVENTS");
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int fd = watch(argv[1], IN_CREATE), set = set_of(fd), count = atoi(argv[2]), seen = 0;
  long long *delays = malloc(count * sizeof *delays);
  ready();
  double cpu = cpu_ms();
  while (seen < count) {
    sleep_until_ready(set);
    ssize_t length = read(fd, buffer, sizeof buffer);
    long long now = now_ns();
    for (char *at = buffer; at < buffer + length && seen < count;) {
      struct inotify_event *event = (void *)at;
      delays[seen++] = now - atoll(event->name);
      at += sizeof *event + event->len;
    }
  }
  printf("{\"cpu\":%.3f,\"delays\":[", cpu_ms() - cpu);
  for (int i = 0; i < count; i++) printf("%s%lld", i ? "," : "", delays[i]);
  puts("]}");
}
