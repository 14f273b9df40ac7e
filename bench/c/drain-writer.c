/* drain-writer DIR EVENTS: writes all files and reads all files in turn, an event each time. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 3 && chdir(argv[1]) == 0, "drain-writer DIR EVENTS");
  long events = atol(argv[2]);
  int fds[NAMES];
  char name[16], byte = 0;
  for (int i = 0; i < NAMES; i++) {
    sprintf(name, "file-%02d", i);
    must((fds[i] = open(name, O_CREAT | O_RDWR, 0644)) != -1, name);
  }
  for (long i = 0; i < events; i++) {
    int fd = fds[i % NAMES];
    must((i / NAMES % 2 ? pread(fd, &byte, 1, 0) : pwrite(fd, &byte, 1, 0)) == 1, "event");
  }
}
