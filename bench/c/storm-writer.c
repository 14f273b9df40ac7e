/* storm-writer DIR EVENTS: five events a file (create, open, write, close, unlink), then a file END. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 3 && chdir(argv[1]) == 0, "storm-writer DIR EVENTS");
  long events = atol(argv[2]);
  char names[NAMES][16];
  for (int i = 0; i < NAMES; i++) sprintf(names[i], "file-%02d", i);
  for (long i = 0; i * 5 < events; i++) {
    const char *name = names[i % NAMES];
    int fd = open(name, O_CREAT | O_WRONLY, 0644);
    must(fd != -1 && write(fd, "x", 1) == 1 && close(fd) == 0 && unlink(name) == 0, name);
  }
  must(close(open("END", O_CREAT | O_WRONLY, 0644)) == 0 && unlink("END") == 0, "END");
}
