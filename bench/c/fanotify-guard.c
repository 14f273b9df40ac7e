/* fanotify-guard notify|decide DIR: is told of opens in DIR, or allows them, until a line comes. Prints its CPU time in ms. */
#include "common.h"
#include <poll.h>
#include <sys/fanotify.h>

int main(int argc, char **argv) {
  must(argc == 3, "fanotify-guard notify|decide DIR");
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int decides = strcmp(argv[1], "decide") == 0;
  int flags = decides ? FAN_CLASS_CONTENT : FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME;
  int fd = fanotify_init(flags | FAN_NONBLOCK | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE, O_RDONLY | O_CLOEXEC);
  must(fd != -1, "fanotify_init");
  unsigned long mask = (decides ? FAN_OPEN_PERM : FAN_OPEN | FAN_CLOSE) | FAN_EVENT_ON_CHILD;
  must(fanotify_mark(fd, FAN_MARK_ADD, mask, AT_FDCWD, argv[2]) == 0, "fanotify_mark");
  struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  long events = 0;
  ready();
  double before = cpu_ms();
  while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
    ssize_t length = read(fd, buffer, sizeof buffer);
    struct fanotify_event_metadata *event = (void *)buffer;
    for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
      events++;
      if (!decides) continue;
      struct fanotify_response response = {.fd = event->fd, .response = FAN_ALLOW};
      must(write(fd, &response, sizeof response) == sizeof response, "response");
      close(event->fd);
    }
  }
  printf("{\"cpu\":%.3f,\"events\":%ld}\n", cpu_ms() - before, events);
}
