/* cycle TIMES: opens and closes an inotify instance. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc == 2, "cycle TIMES");
  int times = atoi(argv[1]);
  long long before = now_ns();
  for (int i = 0; i < times; i++) must(close(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) == 0, "cycle");
  printf("{\"cycle\":%.3f}\n", (now_ns() - before) / 1e3 / times);
}
