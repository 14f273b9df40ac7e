/* drain DIR TIMES: lets the kernel's queue fill, then reads all of it, parsing every record. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 3, "drain DIR TIMES");
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int fd = watch(argv[1], IN_ACCESS | IN_MODIFY);
  for (int times = atoi(argv[2]); times > 0; times--) {
    long events = 0, overflows = 0, letters = 0;
    ssize_t length;
    ready();
    go();
    double cpu = cpu_ms();
    long long wall = now_ns();
    while ((length = read(fd, buffer, sizeof buffer)) > 0) {
      for (char *at = buffer; at < buffer + length;) {
        struct inotify_event *event = (void *)at;
        events++;
        if (event->mask & IN_Q_OVERFLOW) overflows++;
        letters += strlen(event->len ? event->name : "");
        at += sizeof *event + event->len;
      }
    }
    wall = now_ns() - wall;
    cpu = cpu_ms() - cpu;
    printf("{\"wall\":%.3f,\"cpu\":%.3f,\"events\":%ld,\"overflows\":%ld,\"letters\":%ld}\n",
           wall / 1e6, cpu, events, overflows, letters);
    fflush(stdout);
  }
}
