/* syscall DIR: ns a call, the median of CHUNKS times CALLS. */
#include <sys/eventfd.h>

#include "common.h"

#define CHUNKS 15
#define CALLS 20000

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Runs `body` for a chunk that is not counted and for those that are, and prints the median. */
#define MEASURE(name, separator, body)                                             \
  do {                                                                             \
    double ns[CHUNKS];                                                             \
    for (int chunk = -1; chunk < CHUNKS; chunk++) {                                \
      long long before = now_ns();                                                 \
      for (int i = 0; i < CALLS; i++) body;                                        \
      if (chunk >= 0) ns[chunk] = (now_ns() - before) / (double)CALLS;             \
    }                                                                              \
    qsort(ns, CHUNKS, sizeof *ns, compare);                                        \
    printf(separator "\"" name "\":%.2f", ns[CHUNKS / 2]);                         \
  } while (0)

int main(int argc, char **argv) {
  must(argc == 2, "syscall DIR");
  int inotify = watch(argv[1], IN_CREATE), counter = eventfd(0, EFD_NONBLOCK);
  unsigned long long number = 1;
  long sum = 0;
  putchar('{');
  MEASURE("close", "", sum += close(-1));
  MEASURE("fcntl", ",", sum += fcntl(counter, F_GETFD));
  MEASURE("eventfd", ",",
          (sum += write(counter, &number, 8), sum += read(counter, &number, 8)));
  MEASURE("add_watch", ",", sum += inotify_add_watch(inotify, argv[1], IN_CREATE));
  MEASURE("failing", ",", (sum += close(-1), sum += errno));
  puts("}");
  return sum == 0;
}
