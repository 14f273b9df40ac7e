/* latency-writer DIR EVENTS [CPU|keep]: each ms a file whose name is the time it was made at, in ns. It is deleted at once, unless kept. */
#include "common.h"

int main(int argc, char **argv) {
  must(argc >= 3 && chdir(argv[1]) == 0, "latency-writer DIR EVENTS [CPU|keep]");
  char name[32];
  int keep = argc == 4 && strcmp(argv[3], "keep") == 0;
  if (argc == 4 && !keep) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(argv[3]), &cpus);
    must(sched_setaffinity(0, sizeof cpus, &cpus) == 0, "sched_setaffinity");
  }
  for (int i = atoi(argv[2]); i > 0; i--) {
    usleep(1000);
    sprintf(name, "%lld", now_ns());
    must(close(open(name, O_CREAT | O_WRONLY, 0644)) == 0 && (keep || unlink(name) == 0),
         name);
  }
}
